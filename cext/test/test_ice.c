/* test_ice.c  Checks of an ICE agent, good and bad ones; nomination, consent, restart; the paths
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "branchline_media.h"
#include "check.h"
#include "ice.h"

static struct bl_source source(int number)
{
	struct bl_source source = {.fd = 3};

	source.address.v4.sin_family = AF_INET;
	source.address.v4.sin_addr.s_addr = htonl(0x7F000001);
	source.address.v4.sin_port = htons((uint16_t)(10000 + number));
	return source;
}

struct sent {
	const struct bl_ice_credentials *to;
	const char *from; /* the far end's fragment */
	enum bl_stun_role role;
	bool nominate;
};

static size_t build(const struct sent *sent, uint8_t *packet)
{
	char username[64];
	struct bl_stun stun = {
		.kind = BL_STUN_REQUEST,
		.method = BL_STUN_BINDING,
		.transaction = {1, 2, 3},
		.has_priority = true,
		.priority = 1,
		.role = sent->role,
		.tie_breaker = 5,
		.use_candidate = sent->nominate,
	};
	int size;

	snprintf(username, sizeof(username), "%s:%s", sent->to->ufrag, sent->from);
	stun.username = (struct bl_stun_text){username, strlen(username)};
	size = bl_stun_build_request(&stun, sent->to->pwd, strlen(sent->to->pwd), packet,
				     BL_STUN_MAX);
	CHECK(size > 0);
	return (size_t)size;
}

static struct bl_stun answered; /* by the last check */
static struct bl_ice_change changed;

static enum bl_ice_verdict check(struct bl_ice *ice, const struct sent *sent, int from,
				 uint64_t now_ms)
{
	uint8_t packet[BL_STUN_MAX];
	struct bl_ice_answer answer;
	struct bl_source source_ = source(from);
	size_t size = build(sent, packet);
	enum bl_ice_verdict verdict = bl_ice_request(ice, packet, size, &source_, now_ms, &answer);

	changed = answer.change;
	memset(&answered, 0, sizeof(answered));
	if (answer.size) {
		CHECK_EQUAL(BL_OK, bl_stun_parse(answer.data, answer.size, &answered));
		CHECK(bl_stun_check_integrity(answer.data, answer.size, &answered, sent->to->pwd,
					      strlen(sent->to->pwd)));
		CHECK(!memcmp(answered.transaction, "\1\2\3", 3));
	}
	return verdict;
}

static struct sent good(const struct bl_ice *ice, bool nominate)
{
	return (struct sent){&ice->now, "them", BL_STUN_CONTROLLING, nominate};
}

static void begin(struct bl_ice *ice, struct sent *plain, struct sent *nominating)
{
	bl_ice_init(ice);
	*plain = good(ice, false);
	*nominating = good(ice, true);
}

static int chosen(const struct bl_ice *ice)
{
	const struct bl_source *path = bl_ice_chosen(ice);

	return path ? ntohs(path->address.v4.sin_port) - 10000 : -1;
}

static void test_good_check(void)
{
	struct bl_ice ice;
	struct sent sent;

	CHECK_EQUAL(BL_OK, bl_ice_init(&ice));
	sent = good(&ice, false);
	CHECK_EQUAL(BL_ICE_UFRAG, strlen(ice.now.ufrag));
	CHECK_EQUAL(BL_ICE_PWD, strlen(ice.now.pwd));
	CHECK_EQUAL(-1, chosen(&ice));
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &sent, 1, 0));
	CHECK_EQUAL(BL_STUN_SUCCESS, answered.kind);
	CHECK_EQUAL(10001, ntohs(answered.mapped.v4.sin_port));
	CHECK(changed.added && changed.chosen && !changed.gone);
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &sent, 1, 10));
	CHECK(!changed.added && !changed.chosen);
	CHECK_EQUAL(1, chosen(&ice));
}

static void test_nomination(void)
{
	struct bl_ice ice;
	struct sent plain, nominating;

	begin(&ice, &plain, &nominating);
	check(&ice, &plain, 1, 0);
	check(&ice, &plain, 2, 0);
	CHECK(changed.added && !changed.chosen);
	CHECK_EQUAL(1, chosen(&ice));
	CHECK(!ice.nominated);
	check(&ice, &nominating, 2, 0);
	CHECK(!changed.added && changed.chosen);
	CHECK_EQUAL(2, chosen(&ice));
	CHECK(ice.nominated);
	check(&ice, &plain, 1, 5); /* a mere check changes nothing */
	CHECK_EQUAL(2, chosen(&ice));
	check(&ice, &nominating, 3, 6); /* a path that is nominated by its first check */
	CHECK(changed.added && changed.chosen);
	CHECK_EQUAL(3, chosen(&ice));
}

static void test_hostile_checks(void)
{
	struct bl_ice ice;
	struct bl_ice_credentials other;
	struct sent sent;

	bl_ice_init(&ice);
	sent = good(&ice, true);
	other = ice.now;
	other.ufrag[7] = other.ufrag[7] == 'A' ? 'B' : 'A';
	sent.to = &other;
	CHECK_EQUAL(BL_ICE_WRONG_USER, check(&ice, &sent, 1, 0));
	CHECK_EQUAL(BL_STUN_REQUEST, answered.kind); /* no answer */
	other = ice.now;
	other.pwd[23] = other.pwd[23] == 'A' ? 'B' : 'A';
	CHECK_EQUAL(BL_ICE_WRONG_PASSWORD, check(&ice, &sent, 1, 0));
	other.pwd[0] = 0;
	CHECK_EQUAL(BL_ICE_WRONG_PASSWORD, check(&ice, &sent, 1, 0));
	CHECK_EQUAL(0, ice.count);
	CHECK_EQUAL(-1, chosen(&ice));
}

static void test_every_byte_counts(void)
{
	struct bl_source from = source(1);
	uint8_t packet[BL_STUN_MAX], copy[BL_STUN_MAX];
	struct bl_ice_answer answer;
	struct bl_ice ice;
	struct sent sent;
	size_t size;

	bl_ice_init(&ice);
	sent = good(&ice, true);
	size = build(&sent, packet);
	for (size_t at = 0; at < size; at++) {
		if (at == size - 8 || at == size - 7)
			continue; /* the type of FINGERPRINT: another attribute there is passed
				     over */
		memcpy(copy, packet, size);
		copy[at] ^= 0x40;
		CHECK(bl_ice_request(&ice, copy, size, &from, 0, &answer) != BL_ICE_CHECKED);
		CHECK_EQUAL(0, answer.size);
		CHECK_EQUAL(BL_ICE_MALFORMED, bl_ice_request(&ice, packet, at, &from, 0, &answer));
	}
	CHECK_EQUAL(0, ice.count);
}

static void test_role_conflict(void)
{
	struct bl_ice ice;
	struct sent sent;

	bl_ice_init(&ice);
	sent = good(&ice, true);
	sent.role = BL_STUN_CONTROLLED;
	CHECK_EQUAL(BL_ICE_CONFLICT, check(&ice, &sent, 1, 0));
	CHECK_EQUAL(BL_STUN_ERROR, answered.kind);
	CHECK_EQUAL(BL_STUN_ROLE_CONFLICT, answered.error_code);
	CHECK_EQUAL(0, ice.count);
}

static void test_indications_are_left_alone(void)
{
	struct bl_source from = source(1);
	struct bl_stun stun = {.kind = BL_STUN_INDICATION, .method = BL_STUN_BINDING};
	uint8_t packet[BL_STUN_MAX];
	struct bl_ice_answer answer = {.size = 1};
	struct bl_ice ice;
	int size = bl_stun_build_request(&stun, NULL, 0, packet, sizeof(packet));

	bl_ice_init(&ice);
	CHECK(size > 0);
	CHECK_EQUAL(BL_ICE_NO_REQUEST,
		    bl_ice_request(&ice, packet, (size_t)size, &from, 0, &answer));
	CHECK_EQUAL(0, answer.size);
}

static void test_consent(void)
{
	struct bl_ice ice;
	struct sent plain, nominating;

	begin(&ice, &plain, &nominating);
	check(&ice, &nominating, 1, 0);
	check(&ice, &plain, 2, 10000);
	check(&ice, &plain, 3, 20000);
	CHECK(!bl_ice_expire(&ice, BL_ICE_CONSENT_MS - 1, &changed));
	CHECK(bl_ice_expire(&ice, BL_ICE_CONSENT_MS, &changed));
	CHECK(changed.gone && changed.chosen && !changed.added);
	CHECK_EQUAL(10001, ntohs(changed.lost_path.address.v4.sin_port));
	CHECK_EQUAL(3, chosen(&ice)); /* the one checked last takes its place */
	CHECK(!bl_ice_expire(&ice, BL_ICE_CONSENT_MS, &changed));
	CHECK(bl_ice_expire(&ice, 40000, &changed));
	CHECK(!changed.chosen);
	CHECK(bl_ice_expire(&ice, 50000, &changed));
	CHECK(changed.chosen);
	CHECK_EQUAL(-1, chosen(&ice));
	CHECK_EQUAL(0, ice.count);
	check(&ice, &plain, 4, 60000); /* and it may come back */
	CHECK_EQUAL(4, chosen(&ice));
}

static void test_chosen_outlives_others(void)
{
	struct bl_ice ice;
	struct sent plain, nominating;

	begin(&ice, &plain, &nominating);
	check(&ice, &plain, 1, 0);
	check(&ice, &plain, 2, 20000);
	check(&ice, &nominating, 3, 20000); /* the last in the list */
	CHECK(bl_ice_expire(&ice, BL_ICE_CONSENT_MS, &changed));
	CHECK(!changed.chosen);
	check(&ice, &plain, 4, 30000); /* in the place that became free */
	CHECK_EQUAL(3, chosen(&ice));
}

static void test_many_paths(void)
{
	struct bl_ice ice;
	struct sent plain, nominating;

	begin(&ice, &plain, &nominating);
	check(&ice, &nominating, 0, 0);
	for (int i = 1; i < 100; i++) {
		check(&ice, &plain, i, (uint64_t)i);
		CHECK_EQUAL(i >= BL_ICE_PATHS, changed.gone);
		CHECK_EQUAL(0,
			    chosen(&ice)); /* never thrown out, though its check is the oldest */
	}
	CHECK_EQUAL(BL_ICE_PATHS, ice.count);
	CHECK_EQUAL(10000 + 99 - BL_ICE_PATHS + 1, ntohs(changed.lost_path.address.v4.sin_port));
}

static void test_restart(void)
{
	struct bl_ice ice;
	struct bl_ice_credentials old;
	struct sent before, plain, nominating;
	struct bl_source first = source(1);

	bl_ice_init(&ice);
	old = ice.now;
	before = (struct sent){&old, "them", BL_STUN_CONTROLLING, true};
	check(&ice, &before, 1, 0);
	before.from = "anew"; /* as Chromium has it while our answer is under way */
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &before, 1, 5));
	CHECK_EQUAL(BL_OK, bl_ice_restart(&ice));
	CHECK(strcmp(old.ufrag, ice.now.ufrag) != 0 && strcmp(old.pwd, ice.now.pwd) != 0);
	plain = (struct sent){&ice.now, "anew", BL_STUN_CONTROLLING, false};
	nominating = plain;
	nominating.nominate = true;
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &before, 1, 10)); /* the old go on */
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &plain, 2, 20));
	CHECK_EQUAL(1, chosen(&ice));
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &before, 3, 30)); /* but nominate no more */
	CHECK_EQUAL(1, chosen(&ice));
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &nominating, 2, 40));
	CHECK_EQUAL(2, chosen(&ice));
	CHECK(bl_ice_validated(&ice, &first)); /* what is under way there is still heard */
	CHECK_EQUAL(BL_ICE_WRONG_USER, check(&ice, &before, 1, 50));
}

/* The answer to a first restart got lost: the far end goes on with what it had, then tries again.
 */
static void test_restart_twice(void)
{
	struct bl_ice ice;
	struct bl_ice_credentials old;
	struct sent before;

	bl_ice_init(&ice);
	old = ice.now;
	before = (struct sent){&old, "them", BL_STUN_CONTROLLING, true};
	check(&ice, &before, 1, 0);
	bl_ice_restart(&ice);
	bl_ice_restart(&ice);
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &before, 2, 10));
	CHECK_EQUAL(2, chosen(&ice));
}

static void test_addressee(void)
{
	uint8_t packet[BL_STUN_MAX];
	struct bl_ice ice;
	struct sent sent;
	size_t size;

	bl_ice_init(&ice);
	sent = good(&ice, false);
	size = build(&sent, packet);
	CHECK_EQUAL(bl_ice_number(ice.now.ufrag, BL_ICE_UFRAG), bl_ice_addressee(packet, size));
	CHECK(bl_ice_addressee(packet, size) >= 0);
	CHECK_EQUAL(BL_ICE_CHECKED, check(&ice, &sent, 1, 0));
	CHECK_EQUAL(-1, bl_ice_number("ABCDEFG", 7));
	CHECK_EQUAL(-1, bl_ice_number("ABCDEFG-", 8));
	CHECK_EQUAL(-1, bl_ice_number("ABCDEFG\0", 8));
	CHECK_EQUAL(1, bl_ice_number("AAAAAAAB", 8));
}

static void test_paths_table(void)
{
	struct bl_paths paths;
	int owners[3] = {0};

	CHECK_EQUAL(BL_OK, bl_paths_init(&paths, 300));
	for (int i = 0; i < 300; i++) {
		struct bl_source at = source(i);

		CHECK_EQUAL(BL_OK, bl_paths_put(&paths, &at, &owners[i % 3]));
		CHECK_EQUAL(BL_OK, bl_paths_put(&paths, &at, &owners[i % 3])); /* no second one */
	}
	struct bl_source more = source(300), other = source(0);

	CHECK_EQUAL(BL_ENOMEM, bl_paths_put(&paths, &more, &owners[0]));
	other.fd = 4; /* the same address at another socket of ours */
	CHECK(!bl_paths_get(&paths, &other));
	for (int i = 0; i < 300; i++) {
		struct bl_source at = source(i);

		CHECK(bl_paths_get(&paths, &at) == &owners[i % 3]);
		bl_paths_remove(&paths, &at, &paths); /* not its owner */
		if (i % 2)
			bl_paths_remove(&paths, &at, &owners[i % 3]);
	}
	for (int i = 0; i < 300; i++) {
		struct bl_source at = source(i);

		CHECK(bl_paths_get(&paths, &at) == (i % 2 ? NULL : &owners[i % 3]));
	}
	CHECK_EQUAL(150, paths.used);
	bl_paths_release(&paths);
}

static const struct check_test tests[] = {
	CHECK_TEST(test_good_check),	 CHECK_TEST(test_nomination),
	CHECK_TEST(test_hostile_checks), CHECK_TEST(test_every_byte_counts),
	CHECK_TEST(test_role_conflict),	 CHECK_TEST(test_indications_are_left_alone),
	CHECK_TEST(test_consent),	 CHECK_TEST(test_chosen_outlives_others),
	CHECK_TEST(test_many_paths),	 CHECK_TEST(test_restart),
	CHECK_TEST(test_restart_twice),	 CHECK_TEST(test_addressee),
	CHECK_TEST(test_paths_table),
};

CHECK_MAIN(tests)
