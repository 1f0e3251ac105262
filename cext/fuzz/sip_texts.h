/* sip_texts.h  What far ends say: steps of scripts for fuzz_sip.c, which explains the signs */
#ifndef BL_FUZZ_SIP_TEXTS_H
#define BL_FUZZ_SIP_TEXTS_H

/* Signs that a datagram gets real values for. */
#define TAG "\x01"    /* the stack's tag, of its last response */
#define RUN "\x02"    /* a number of this script alone */
#define MINE "\x03"   /* our port */
#define THEIRS "\x04" /* the stack's port */
/* Headers of the stack's last request */
#define THEIR_VIA "\x05"
#define THEIR_FROM "\x06"
#define THEIR_TO "\x07"
#define THEIR_CALL "\x08"
#define THEIR_CSEQ "\x0e"

#define VIA(branch) "Via: SIP/2.0/UDP 127.0.0.1:" MINE ";branch=z9hG4bK" RUN branch ";rport\r\n"
#define CONTACT "Contact: <sip:a@127.0.0.1:" MINE ">\r\n"
#define EMPTY "Content-Length: 0\r\n\r\n"
/* The length goes without saying: a datagram's end is the body's (RFC 3261 section 18.3). */
#define SDP                                                                                       \
	"Content-Type: application/sdp\r\n\r\nv=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"         \
	"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
#define TO_NEW "To: <sip:x@127.0.0.1>\r\n"
#define TO_OLD "To: <sip:x@127.0.0.1>;tag=" TAG "\r\n"
#define REQUEST(method, branch, cseq, to)                                                         \
	"D" method " sip:x@127.0.0.1:" THEIRS                                                     \
	" SIP/2.0\r\n" VIA(branch) "Max-Forwards: 70\r\nFrom: \"A\" <sip:a@127.0.0.1>;tag=f" RUN  \
				   "\r\n" to "Call-ID: c" RUN "\r\nCSeq: " cseq " " method "\r\n"
#define RESPONSE(status, method)                                                                  \
	"DSIP/2.0 " status "\r\nVia: " THEIR_VIA "\r\nFrom: " THEIR_FROM "\r\nTo: " THEIR_TO      \
	";tag=t" RUN "\r\nCall-ID: " THEIR_CALL "\r\nCSeq: " THEIR_CSEQ " " method "\r\n"

static const char *const texts[] = {
	REQUEST("INVITE", "i", "1", TO_NEW) CONTACT SDP,
	REQUEST("INVITE", "i", "1", TO_NEW) CONTACT "Record-Route: <sip:127.0.0.1:" MINE ";lr>\r\n"
						    "P-Asserted-Identity: <sip:1@b>\r\n"
						    "Privacy: id\r\nX-Branchline-A: b\r\n" SDP,
	REQUEST("INVITE", "i", "1", TO_NEW) CONTACT "Supported: 100rel, timer\r\n"
						    "Session-Expires: 90;refresher=uac\r\n"
						    "Replaces: z;to-tag=1;from-tag=2\r\n" SDP,
	REQUEST("INVITE", "i", "1", TO_NEW) CONTACT "Require: 100rel\r\n" SDP,
	REQUEST("ACK", "a", "1", TO_OLD) EMPTY,
	REQUEST("INVITE", "r", "2", TO_OLD) CONTACT SDP,
	REQUEST("ACK", "b", "2", TO_OLD) EMPTY,
	REQUEST("CANCEL", "i", "1", TO_NEW) "Reason: Q.850;cause=16\r\n" EMPTY,
	REQUEST("BYE", "y", "9", TO_OLD) "Reason: Q.850;cause=31;text=\"x\"\r\n" EMPTY,
	REQUEST("UPDATE", "u", "3", TO_OLD) CONTACT SDP,
	REQUEST("UPDATE", "v", "4", TO_OLD) CONTACT "Session-Expires: 90\r\nMin-SE: 90\r\n" EMPTY,
	REQUEST("PRACK", "p", "5", TO_OLD) "RAck: 1 1 INVITE\r\n" EMPTY,
	REQUEST("INFO", "n", "6",
		TO_OLD) "Content-Type: application/dtmf-relay\r\n\r\nSignal=1\r\n",
	REQUEST("REFER", "e", "7", TO_OLD) CONTACT
	"Refer-To: <sip:z@127.0.0.1?Replaces=a%3Bto-tag%3D1>\r\nReferred-By: <sip:a@b>\r\n" EMPTY,
	REQUEST("NOTIFY", "o", "8", TO_OLD) CONTACT
	"Event: refer;id=1\r\nSubscription-State: active;expires=60\r\n"
	"Content-Type: message/sipfrag\r\n\r\nSIP/2.0 100 Trying\r\n",
	REQUEST("SUBSCRIBE", "s", "8", TO_NEW) CONTACT "Event: presence\r\nExpires: 60\r\n" EMPTY,
	REQUEST("MESSAGE", "m", "1", TO_NEW) "Content-Type: text/plain\r\n\r\nx",
	REQUEST("PUBLISH", "l", "1", TO_NEW) "Event: presence\r\nSIP-If-Match: 1\r\n" EMPTY,
	REQUEST("OPTIONS", "q", "1", TO_NEW) "Accept: application/sdp\r\n" EMPTY,
	REQUEST("REGISTER", "g", "1", TO_NEW) CONTACT
	"Expires: 60\r\nContact: *\r\nAuthorization: Digest username=\"a\", realm=\"b\", "
	"nonce=\"c\", uri=\"sip:x\", response=\"d\", algorithm=MD5\r\n" EMPTY,
	REQUEST("REGISTER", "h", "9", TO_OLD) CONTACT EMPTY,
	RESPONSE("100 Trying", "INVITE") EMPTY,
	RESPONSE("183 Session Progress", "INVITE") CONTACT "Require: 100rel\r\nRSeq: 1\r\n" SDP,
	RESPONSE("200 OK", "INVITE") CONTACT SDP,
	RESPONSE("200 OK", "INVITE") CONTACT "Record-Route: <sip:127.0.0.1:" MINE
					     ";lr>\r\nSession-Expires: 90\r\n" SDP,
	RESPONSE("302 Moved", "INVITE") "Contact: <sip:b@127.0.0.1>\r\n" EMPTY,
	RESPONSE("401 No", "INVITE") "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", "
				     "qop=\"auth\", algorithm=MD5\r\n" EMPTY,
	RESPONSE("407 No", "REGISTER") "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", "
				       "stale=true\r\n" EMPTY,
	RESPONSE("422 Small", "INVITE") "Min-SE: 900\r\n" EMPTY,
	RESPONSE("491 Pending", "INVITE") EMPTY,
	RESPONSE("503 Busy", "INVITE") "Retry-After: 5 (x);duration=9\r\n" EMPTY,
	RESPONSE("200 OK", "REGISTER") CONTACT
	"Expires: 3600\r\nService-Route: <sip:p>\r\nPath: <sip:p;lr>\r\n" EMPTY,
	RESPONSE("423 Brief", "REGISTER") "Min-Expires: 9999\r\n" EMPTY,
	RESPONSE("200 OK", "OPTIONS") "Allow: INVITE\r\n" EMPTY,
	RESPONSE("200 OK", "CANCEL") EMPTY,
	RESPONSE("200 OK", "BYE") EMPTY,
	/* what our side does about what comes: yes, no, nothing */
	"Y",
	"N",
	"S",
	/* what our side does by itself: call, options, register, unregister, re-INVITE, end */
	"C",
	"O",
	"G",
	"U",
	"R",
	"E",
};

/* What may stand where anything else stands. */
static const char *const bits[] = {
	"\r\n",
	";",
	"\"",
	"<",
	">",
	",",
	"%",
	"%00",
	":",
	"@",
	"[::1]",
	"*",
	"?Route=%3Csip:x%3E",
	"-1",
	"4294967296",
	"99999999999999999999",
	"tel:1",
	"sips:a@b",
	"mailto:",
	"sip:",
	"<sip:>",
	";lr",
	";maddr=127.0.0.1",
	";transport=tcp",
	";transport=udp,tcp",
	";tag=",
	";comp=sigcomp",
	";received=127.0.0.1",
	"Contact: *\r\n",
	"Contact: <tel:1>\r\n",
	"Contact: <sip:@>\r\n",
	"Record-Route: <sip:>,<tel:1>\r\n",
	"Route: <sip:127.0.0.1;lr>\r\n",
	"Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\n",
	"Require: 100rel\r\n",
	"Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
	"Content-Encoding: gzip\r\n",
	"Content-Length: 99999\r\n",
	"Event: refer\r\n",
	"Join: a;to-tag=1;from-tag=2\r\n",
	"Max-Forwards: 0\r\n",
	"Timestamp: 1.5 2\r\n",
	"k: replaces\r\n",
	"s:\r\n",
	"\r\n\t ",
};

#endif
