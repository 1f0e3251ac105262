/* rtcp_wire.h  How RTCP looks in bytes (RFC 3550 §12.1, RFC 3611 §4), for rtcp*.c */
#ifndef BL_RTCP_WIRE_H
#define BL_RTCP_WIRE_H

enum { /* packet types */
       RTCP_SR = 200,
       RTCP_RR = 201,
       RTCP_SDES = 202,
       RTCP_BYE = 203,
       RTCP_APP = 204,
       RTCP_RTPFB = 205, /* RFC 4585 */
       RTCP_PSFB = 206,	 /* RFC 4585 */
       RTCP_XR = 207,
};

enum { /* XR block types */
       XR_REFERENCE = 4,
       XR_DLRR = 5,
       XR_SUMMARY = 6,
       XR_VOIP = 7,
};

enum { /* [bytes] */
       RTCP_HEAD = 4,
       RTCP_SENDER = 20,
       RTCP_BLOCK = 24,
       XR_HEAD = 4,
       XR_REFERENCE_SIZE = 8,
       XR_DLRR_SIZE = 12,
       XR_SUMMARY_SIZE = 36,
       XR_VOIP_SIZE = 32,
};

enum { SDES_CNAME = 1 };

#endif
