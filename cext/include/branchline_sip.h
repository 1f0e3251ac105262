/**
 * @file branchline_sip.h  SIP over sofia-sip's nua: events out, commands in
 *
 * One thread per stack runs nua. What happens is put into a queue that the eventfd announces;
 * what shall happen is sent to the thread as a message. No function here calls back.
 * This header, less its preprocessor lines, is the cffi declaration of `_branchline_sip`.
 */
#ifndef BRANCHLINE_SIP_H
#define BRANCHLINE_SIP_H

#include <stdint.h>

/** One stack: a thread, its sockets, its calls. */
typedef struct bl_sip bl_sip_t;

/** What a function returns when it does not return what was asked for. */
enum bl_sip_error {
	BL_SIP_OK = 0,
	BL_SIP_EARG = -1,     /**< an argument is missing, too long or has a line break */
	BL_SIP_ENOMEM = -2,   /**< out of memory, descriptors or threads */
	BL_SIP_EPORT = -3,    /**< the address and port cannot be bound */
	BL_SIP_ESTOPPED = -4, /**< the stack has stopped */
	BL_SIP_ESTART = -5,   /**< nua does not start */
	BL_SIP_ETLS = -6,     /**< certificate, key or authority cannot be used */
};

/** A status that no SIP message has. */
enum bl_sip_status {
	BL_SIP_UNTRUSTED =
		701,	   /**< of BL_SIP_FAIL: whom we called had no certificate of its own */
	BL_SIP_AWAY = 702, /**< of BL_SIP_FAIL: whom we called keeps no connection to us */
};

/** Kinds of event. */
enum bl_sip_kind {
	BL_SIP_INVITE = 1,	/**< a call came in; 100 Trying has been sent */
	BL_SIP_PROGRESS = 2,	/**< 1xx to our INVITE, but not 100 */
	BL_SIP_ANSWER = 3,	/**< 2xx to our INVITE; ACK has been sent */
	BL_SIP_ACK = 4,		/**< first ACK to our 2xx */
	BL_SIP_FAIL = 5,	/**< the call is over and never was answered */
	BL_SIP_BYE = 6,		/**< the call is over and had been answered */
	BL_SIP_CANCEL = 7,	/**< the caller gave up; BL_SIP_FAIL follows */
	BL_SIP_OFFER = 8,	/**< re-INVITE, or UPDATE with a body: wants a response */
	BL_SIP_OFFER_DONE = 9,	/**< final response to our re-INVITE */
	BL_SIP_REGISTER = 10,	/**< a REGISTER came in: wants a response */
	BL_SIP_REGISTERED = 11, /**< final response to our REGISTER, first or refresh */
	BL_SIP_OPTIONS = 12,	/**< final response to our OPTIONS */
	BL_SIP_INFO = 13,	/**< INFO within a call; 200 has been sent */
};

/** Texts of an event; absent ones are empty. Lists are one value a line. */
enum bl_sip_text {
	BL_SIP_REQUEST_URI = 0,
	BL_SIP_FROM_URI = 1,
	BL_SIP_FROM_NAME = 2, /**< display name as sent, quotes included */
	BL_SIP_TO_URI = 3,
	BL_SIP_PAI = 4,	    /**< P-Asserted-Identity (RFC 3325), first value */
	BL_SIP_PRIVACY = 5, /**< Privacy (RFC 3323) */
	BL_SIP_CALL_ID = 6,
	BL_SIP_SOURCE = 7,	  /**< address the packet came from */
	BL_SIP_AUTHORIZATION = 8, /**< Authorization, or else Proxy-Authorization */
	BL_SIP_USER_AGENT = 9,
	BL_SIP_EXTRAS = 10,   /**< X-Branchline-… header lines */
	BL_SIP_CONTACTS = 11, /**< Contact values of a REGISTER, one a line */
	BL_SIP_CONTENT_TYPE = 12,
	BL_SIP_BODY = 13,
	BL_SIP_LOCAL_URI = 14,
	BL_SIP_REMOTE_URI = 15,
	BL_SIP_LOCAL_TAG = 16,
	BL_SIP_REMOTE_TAG = 17,
	BL_SIP_TARGET = 18, /**< remote target URI (RFC 3261 section 12.1) */
	BL_SIP_ROUTES = 19, /**< route set, first hop first, one a line */
	BL_SIP_PEER = 20,   /**< appliance whose certificate the sender has shown */
	BL_SIP_WORD = 21,   /**< text of Reason (RFC 3326) of a FAIL or BYE */
	BL_SIP_TEXTS = 22,
};

/** One event; its texts live until bl_sip_release(). */
typedef struct bl_sip_event {
	int32_t kind;	     /**< enum bl_sip_kind */
	uint32_t call;	     /**< handle of the call, registration or OPTIONS */
	int32_t status;	     /**< SIP status, 0 when there is none */
	int32_t cause;	     /**< Q.850 cause from Reason (RFC 3326), 0 when there is none */
	int32_t seconds;     /**< Retry-After or Expires [s], -1 when there is none */
	uint32_t local_cseq; /**< of the dialog, 0 when we have sent no request in it */
	int32_t source_port;
	double t; /**< CLOCK_MONOTONIC [s] when the stack saw it */
	const char *text[BL_SIP_TEXTS];
	uint32_t size[BL_SIP_TEXTS]; /**< [bytes] */
	void *memory;
} bl_sip_event_t;

/** TLS of a stack that speaks nothing else, and counts its calls from 2^31 on; texts are PEM. */
typedef struct bl_sip_tls {
	const char *folder;	 /**< has cafile.pem, which sofia-sip insists on */
	const char *certificate; /**< ours, and those between it and a root */
	const char *key;	 /**< its private key */
	const char *authority;	 /**< whose certificates appliances have; NULL: nobody's */
} bl_sip_tls_t;

/** How to start a stack. */
typedef struct bl_sip_config {
	const char *address;	 /**< numeric address to bind, UDP and TCP, or TLS */
	const char *reached_at;	 /**< address in our Contact; NULL: the one that is bound */
	int32_t port;		 /**< 1 … 65535 */
	const char *user_agent;	 /**< product token */
	uint32_t queue_limit;	 /**< events waiting beyond which new requests are answered 503 */
	const bl_sip_tls_t *tls; /**< NULL: UDP and TCP */
} bl_sip_config_t;

/** A call to make; unused texts are NULL. */
typedef struct bl_sip_invitation {
	const char *to;	     /**< URI */
	const char *from;    /**< header value: display name and URI */
	const char *sdp;     /**< the offer */
	const char *headers; /**< further header lines, separated by CR LF */
	const char *proxy;   /**< URI of the outbound proxy */
	const char *user;    /**< for digest challenges (RFC 7616) */
	const char *secret;
	const char *peer; /**< appliance: reached by the connection it has proven itself on, if any
			   */
	int32_t standing; /**< 1: by no other way; without one the call fails with BL_SIP_AWAY */
} bl_sip_invitation_t;

/** A registration to keep; refreshed until bl_sip_unregister(). */
typedef struct bl_sip_binding {
	const char *aor;       /**< URI */
	const char *registrar; /**< URI */
	const char *user;
	const char *secret;
	int32_t expires_s;
} bl_sip_binding_t;

/** Start a stack; NULL and *error (enum bl_sip_error) when it does not start. */
bl_sip_t *bl_sip_start(const bl_sip_config_t *config, int32_t *error);

/** End all calls and the thread, within seconds; events stay readable. May be repeated. */
void bl_sip_stop(bl_sip_t *sip);

/** Stop, and give everything back; unread events are lost. NULL is fine. */
void bl_sip_free(bl_sip_t *sip);

/** The eventfd: readable while there are events. */
int bl_sip_fd(const bl_sip_t *sip);

/** Take up to *max* events; returns how many. Each batch must be released. */
int32_t bl_sip_poll(bl_sip_t *sip, bl_sip_event_t *events, int32_t max);

/** Give back the texts of events taken by bl_sip_poll(). */
void bl_sip_release(bl_sip_event_t *events, int32_t count);

/** Number of calls that have not had their last event yet. */
int32_t bl_sip_live(const bl_sip_t *sip);

/** Respond to an INVITE, OFFER or REGISTER; a call that is over is no error. */
int32_t bl_sip_respond(bl_sip_t *sip, uint32_t call, int32_t status, const char *phrase,
		       const char *sdp, const char *headers);

/** Make a call; returns its handle, or an error. */
int64_t bl_sip_invite(bl_sip_t *sip, const bl_sip_invitation_t *invitation);

/** End a call whatever its state: BYE, CANCEL or 480. */
int32_t bl_sip_end(bl_sip_t *sip, uint32_t call, const char *headers);

/** Send a re-INVITE with a new offer. */
int32_t bl_sip_reoffer(bl_sip_t *sip, uint32_t call, const char *sdp);

/** Register and keep registered; returns the handle, or an error. */
int64_t bl_sip_register(bl_sip_t *sip, const bl_sip_binding_t *binding);

/** Give up a registration. */
int32_t bl_sip_unregister(bl_sip_t *sip, uint32_t call);

/**
 * Say whom we may call by TLS, in place of those named before. Each line is a kind, an address, a
 * port and a name: "ours 192.0.2.1 5061 berlin-1" has a certificate of our authority, "public …"
 * one of any root that the system believes. Calls to others by TLS fail.
 */
int32_t bl_sip_expect(bl_sip_t *sip, const char *lines);

/** Ask whether somebody is there; returns the handle, or an error. */
int64_t bl_sip_options(bl_sip_t *sip, const char *uri);

#endif
