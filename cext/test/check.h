/* check.h  The harness of the C tests: a table of tests, and checks that show what they got */
#ifndef BL_CHECK_H
#define BL_CHECK_H
#include <stdio.h>
#include <string.h>

static int check_failures;

#define CHECK(condition)                                                                          \
	do {                                                                                      \
		if (!(condition)) {                                                               \
			check_failures++;                                                         \
			printf("%s:%d: %s: not so: %s\n", __FILE__, __LINE__, __func__,           \
			       #condition);                                                       \
		}                                                                                 \
	} while (0)

#define CHECK_EQUAL(expected, got)                                                                \
	do {                                                                                      \
		long long want_ = (long long)(expected), have_ = (long long)(got);                \
		if (want_ != have_) {                                                             \
			check_failures++;                                                         \
			printf("%s:%d: %s: %s: expected %lld, got %lld\n", __FILE__, __LINE__,    \
			       __func__, #got, want_, have_);                                     \
		}                                                                                 \
	} while (0)

/* low <= got <= high */
#define CHECK_WITHIN(low, high, got)                                                              \
	do {                                                                                      \
		double low_ = (double)(low), high_ = (double)(high), have_ = (double)(got);       \
		if (!(have_ >= low_ && have_ <= high_)) {                                         \
			check_failures++;                                                         \
			printf("%s:%d: %s: %s: expected %g to %g, got %g\n", __FILE__, __LINE__,  \
			       __func__, #got, low_, high_, have_);                               \
		}                                                                                 \
	} while (0)

struct check_test {
	const char *name;
	void (*run)(void);
};

#define CHECK_TEST(function)                                                                      \
	{                                                                                         \
#function, function                                                               \
	}

static int check_run(const struct check_test *tests, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int before = check_failures;

		tests[i].run();
		printf("%s %s\n", check_failures == before ? "ok  " : "FAIL", tests[i].name);
	}
	return check_failures != 0;
}

#define CHECK_MAIN(tests)                                                                         \
	int main(void)                                                                            \
	{                                                                                         \
		setvbuf(stdout, NULL, _IOLBF, 0);                                                 \
		return check_run(tests, sizeof(tests) / sizeof((tests)[0]));                      \
	}

#endif
