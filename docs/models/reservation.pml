/*
 * The reservation protocol, for spin: propose, offer, confirm, release, and the call between two
 * appliances. One owner has the contacts, the other the seats; messages are lost, doubled and
 * overtaken by those of another kind; the owners restart; matchmakers propose what they like.
 *
 * README.md beside it says what this covers and what it does not. NO_FENCE and NO_DEADLINE break it
 * on purpose, to show that it can fail.
 */

#ifndef CONTACTS
#define CONTACTS 2
#endif
#ifndef SEATS
#define SEATS 1
#endif
#ifndef FENCES
#define FENCES 3	/* reservations of one seat, so that there is an end */
#endif
#ifndef DOUBLES
#define DOUBLES 1	/* messages that come twice, in all */
#endif
#ifndef RESTARTS
#define RESTARTS 1	/* of either owner, in all */
#endif

/* contacts, as appliance/call/owner.py has them; seats, as appliance/seat/offers.py */
mtype = { waiting, reserved, talking, ended };
mtype = { ready, offered, confirmed, ringing, in_talk };
/* calls between the two: none, dialled, taken by the seat's owner, answered, ended by its owner */
mtype = { none, dialled, taken, up, down };

/* the contacts' owner */
mtype phase[CONTACTS] = waiting;
byte fence[CONTACTS];		/* raised at each change of the contact */
byte at[CONTACTS];		/* seat of its reservation */
byte booked[CONTACTS];		/* fence of its reservation */
byte life;			/* incarnation */

/* the seats' owner */
mtype seat[SEATS] = ready;
byte holds[SEATS];		/* contact of its reservation */
byte seat_fence[SEATS];		/* fence of its reservation, raised by each */
byte leg_in[SEATS];		/* whose call has come: contact + 1; 0: none */

/* kept by the legs processes and SIP: whoever ends a call, the other finds out */
#define LEG(c, s) ((c) * SEATS + (s))
mtype leg[CONTACTS * SEATS] = none;
byte leg_fence[CONTACTS * SEATS];

byte doubles, restarts;

/* contact, its life and fence as the matchmaker saw them; seat and the reservation's fence */
chan offer = [2] of { byte, byte, byte, byte, byte };
/* contact, seat, the reservation's fence */
chan confirm = [2] of { byte, byte, byte };
chan release_seat = [2] of { byte, byte, byte };
chan release_contact = [2] of { byte, byte, byte };

#define CALL(s) leg[LEG(leg_in[s] - 1, s)]
#define HOLDS(c, s, f) (seat[s] != ready && holds[s] == c && seat_fence[s] == f)
#define BOOKED(c, s, f) (phase[c] == reserved && at[c] == s && booked[c] == f)
#define HELD(s) (seat[s] == offered || seat[s] == confirmed || seat[s] == ringing)

/* Whoever hears whom, it is one and one, and whom the reservation names. */
inline check()
{
	for (i : 0 .. CONTACTS * SEATS - 1) {
		assert(leg[i] != up || HOLDS(i / SEATS, i % SEATS, leg_fence[i]));
		for (j : i + 1 .. CONTACTS * SEATS - 1) {	/* no seat twice, no contact at two seats */
			assert(leg[i] != up || leg[j] != up ||
			       (i / SEATS != j / SEATS && i % SEATS != j % SEATS));
		}
	}
	i = 0;
	j = 0
}

/* -- the contacts' owner ------------------------------------------------------------------------ */

inline take_back(c)	/* to its own place; its call ends */
{
	leg[LEG(c, at[c])] = none;
	leg_fence[LEG(c, at[c])] = 0;
	phase[c] = waiting;
	fence[c]++
}

inline take_offer()
{
	if
	:: l == life && phase[c] == waiting && f == fence[c] ->
		phase[c] = reserved;
		fence[c]++;
		at[c] = s;
		booked[c] = sf;
		confirm!c, s, sf;
		leg[LEG(c, s)] = dialled;
		leg_fence[LEG(c, s)] = sf
	:: else -> release_seat!c, s, sf
	fi
}

proctype ContactOwner()
{
	byte c, l, f, s, sf, i, j;
end:	do
	:: atomic { offer?c, l, f, s, sf ->
		if
		:: take_offer()
		:: doubles < DOUBLES -> doubles++; offer!c, l, f, s, sf; take_offer()
		:: true		/* lost */
		fi; check(); c = 0; l = 0; f = 0; s = 0; sf = 0 }
	:: atomic { release_contact?c, s, sf ->
		if
		:: BOOKED(c, s, sf) -> take_back(c)
		:: true
		fi; check(); c = 0; s = 0; sf = 0 }
	:: atomic { restarts < RESTARTS -> restarts++; life++;
		for (c : 0 .. CONTACTS - 1) {
			if	/* killed before the call left: nothing to go on with */
			:: phase[c] == reserved && leg[LEG(c, at[c])] == dialled ->
				release_seat!c, at[c], booked[c]; take_back(c)
			:: true
			fi
		}
		check(); c = 0 }
	od
}

/* A contact's call, its caller and its deadline. */
proctype Contact(byte c)
{
	byte i, j;
	do
	:: atomic { phase[c] == reserved && leg[LEG(c, at[c])] == up ->
		phase[c] = talking; check() }
	:: atomic { phase[c] == reserved && leg[LEG(c, at[c])] == down -> take_back(c); check() }
	:: atomic { phase[c] == talking && leg[LEG(c, at[c])] == down ->
		leg[LEG(c, at[c])] = none; phase[c] = ended; check(); break }
	:: atomic { phase[c] == reserved ->	/* its time is over */
		release_seat!c, at[c], booked[c]; take_back(c); check() }
	:: atomic { phase[c] != ended ->	/* the caller hangs up */
		if
		:: phase[c] == reserved -> release_seat!c, at[c], booked[c]
		:: else
		fi;
		leg[LEG(c, at[c])] = none;
		phase[c] = ended; check(); break }
	od
}

/* -- the seats' owner --------------------------------------------------------------------------- */

inline free(s)
{
	if
	:: leg_in[s] && CALL(s) != none -> CALL(s) = down
	:: else
	fi;
	leg_in[s] = 0;
	seat[s] = ready
}

inline take_confirm()
{
	if
	:: HOLDS(c, s, sf) && seat[s] == offered -> seat[s] = confirmed
	:: HOLDS(c, s, sf) && seat[s] != offered
	:: !HOLDS(c, s, sf) -> release_contact!c, s, sf
	fi
}

proctype SeatOwner()
{
	byte c, s, sf, i, j;
end:	do
	:: atomic { confirm?c, s, sf ->
		if
		:: take_confirm()
		:: doubles < DOUBLES -> doubles++; confirm!c, s, sf; take_confirm()
		:: true		/* lost */
		fi; check(); c = 0; s = 0; sf = 0 }
	:: atomic { release_seat?c, s, sf ->
		if
		:: HOLDS(c, s, sf) && seat[s] != in_talk -> free(s)
		:: true
		fi; check(); c = 0; s = 0; sf = 0 }
	:: atomic { restarts < RESTARTS -> restarts++;
		for (s : 0 .. SEATS - 1) {	/* what has no phone leg is given up */
			if
			:: seat[s] == offered || seat[s] == confirmed ->
				release_contact!holds[s], s, seat_fence[s]; free(s)
			:: else
			fi
		}
		check(); s = 0 }
	od
}

/* A seat: proposals for it by any matchmaker, its legs and its agent. */
proctype Seat(byte s)
{
	byte c, i, j;
end:	do
	:: atomic { seat[s] == ready && seat_fence[s] < FENCES ->	/* proposed by rows new or old */
		select(c : 0 .. CONTACTS - 1);
		seat[s] = offered;
		holds[s] = c;
		seat_fence[s]++;
		offer!c, life, fence[c], s, seat_fence[s];
		check(); c = 0 }
	:: atomic { seat[s] == confirmed && leg_in[s] -> seat[s] = ringing; check() }
	:: atomic { seat[s] == ringing && CALL(s) == taken ->	/* the agent answers */
		seat[s] = in_talk; CALL(s) = up; check() }
	:: atomic { leg_in[s] && CALL(s) != taken && CALL(s) != up ->	/* its call has ended */
		leg_in[s] = 0; seat[s] = ready; check() }
	:: atomic { seat[s] == in_talk -> free(s); check() }	/* the agent hangs up */
	od
}

/* A call comes to a seat: it must be the one that was promised. */
proctype Call(byte n)
{
	byte i, j;
end:	do
	:: atomic { leg[n] == dialled ->
		if
#ifdef NO_FENCE
		:: (seat[n % SEATS] == offered || seat[n % SEATS] == confirmed) && !leg_in[n % SEATS] ->
#else
		:: HOLDS(n / SEATS, n % SEATS, leg_fence[n]) && !leg_in[n % SEATS] &&
		   (seat[n % SEATS] == offered || seat[n % SEATS] == confirmed) ->
#endif
			leg_in[n % SEATS] = n / SEATS + 1; leg[n] = taken
		:: else -> leg[n] = down
		fi; check() }
	od
}

#ifndef NO_DEADLINE
/* Every state of a reservation has its deadline. */
proctype Deadline(byte s)
{
	byte i, j;
end:	do
	:: atomic { HELD(s) -> release_contact!holds[s], s, seat_fence[s]; free(s); check() }
	od
}
#endif

init
{
	byte n;
	atomic {
		run ContactOwner();
		run SeatOwner();
		for (n : 0 .. CONTACTS - 1) { run Contact(n) }
		for (n : 0 .. SEATS - 1) { run Seat(n) }
		for (n : 0 .. CONTACTS * SEATS - 1) { run Call(n) }
#ifndef NO_DEADLINE
		for (n : 0 .. SEATS - 1) { run Deadline(n) }
#endif
		n = 0
	}
}

ltl no_seat_is_held_for_ever { [] (HELD(0) -> <> !HELD(0)) }
ltl no_contact_is_held_for_ever { [] (phase[0] == reserved -> <> (phase[0] != reserved)) }
