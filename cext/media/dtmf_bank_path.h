/*
 * dtmf_bank_path.h  One path of the filter bank: dtmf_bank.c includes this for each vector width
 *
 * PATH(name) makes names of the path; TARGET is what its functions are compiled for; WIDTH the
 * lanes of a vector; TILE the rows whose sums are held in registers together. SPREAD, FUSED and
 * LARGER are what the vector extensions of C do not know.
 */
typedef float PATH(floats) __attribute__((vector_size(WIDTH * 4)));
typedef int32_t PATH(ints) __attribute__((vector_size(WIDTH * 4)));
typedef uint32_t PATH(unsigned_ints) __attribute__((vector_size(WIDTH * 4)));
/* the same in memory, wherever it lies */
typedef float PATH(floats_at) __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));
typedef int32_t PATH(ints_at) __attribute__((vector_size(WIDTH * 4), aligned(4), may_alias));

#define FLOATS_AT(place) (*(PATH(floats_at) *)(place))
#define INTS_AT(place) (*(PATH(ints_at) *)(place))
#define CONST_FLOATS_AT(place) (*(const PATH(floats_at) *)(place))
#define CONST_INTS_AT(place) (*(const PATH(ints_at) *)(place))
/* of pairs: the first sample is in the low half */
#define FIRST(pairs) ((PATH(ints))((PATH(unsigned_ints))(pairs) << 16) >> 16)
#define SECOND(pairs) ((pairs) >> 16)
#define AS_FLOATS(ints) __builtin_convertvector(ints, PATH(floats))

/* Turns rows of samples into rows of lanes; two samples that follow each other stay a pair. */
TARGET static void PATH(gather)(const int16_t *const frames[LANES], size_t at,
				int32_t pairs[PAIRS][LANES])
{
	for (int lane = 0; lane < LANES; lane += 4) {
		for (int pair = 0; pair < PAIRS; pair += 4) {
			four rows[4], a, b, c, d;

			for (int i = 0; i < 4; i++)
				memcpy(&rows[i], frames[lane + i] + at + (size_t)pair * 2,
				       sizeof(rows[i]));
			a = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
			b = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
			c = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
			d = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
			rows[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
			rows[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
			rows[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
			rows[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
			for (int i = 0; i < 4; i++)
				memcpy(&pairs[pair + i][lane], &rows[i], sizeof(rows[i]));
		}
	}
}

/* Sums and differences of the samples that mirror each other, from the hop's middle outwards. */
TARGET static void PATH(fold)(const int32_t pairs[PAIRS][LANES], struct folded *out)
{
	for (int lane = 0; lane < LANES; lane += WIDTH) {
		PATH(floats) power = SPREAD(0.0f);

		for (int i = 0; i < PAIRS / 2; i++) {
			PATH(ints) late = CONST_INTS_AT(&pairs[PAIRS / 2 + i][lane]);
			PATH(ints) early = CONST_INTS_AT(&pairs[PAIRS / 2 - 1 - i][lane]);
			PATH(floats) sum = AS_FLOATS(FIRST(late) + SECOND(early));
			PATH(floats) difference = AS_FLOATS(FIRST(late) - SECOND(early));

			power = FUSED(sum, sum, FUSED(difference, difference, power));
			FLOATS_AT(&out->sum[2 * i][lane]) = sum;
			FLOATS_AT(&out->difference[2 * i][lane]) = difference;
			sum = AS_FLOATS(SECOND(late) + FIRST(early));
			difference = AS_FLOATS(SECOND(late) - FIRST(early));
			power = FUSED(sum, sum, FUSED(difference, difference, power));
			FLOATS_AT(&out->sum[2 * i + 1][lane]) = sum;
			FLOATS_AT(&out->difference[2 * i + 1][lane]) = difference;
		}
		/* (a + b)² + (a - b)² is twice the power of both */
		FLOATS_AT(&out->total[lane]) = power * SPREAD(0.5f / HOP);
	}
}

/* out = table × in: what nearly all the time goes into. */
TARGET static void PATH(multiply)(const float table[HALF][ROWS], const float in[HALF][LANES],
				  float out[ROWS][LANES])
{
	for (int row = 0; row < ROWS; row += TILE) {
		for (int lane = 0; lane < LANES; lane += SPAN * WIDTH) {
			PATH(floats) sums[TILE][SPAN];

			for (int i = 0; i < TILE * SPAN; i++)
				sums[i / SPAN][i % SPAN] = SPREAD(0.0f);
			for (int n = 0; n < HALF; n++) {
				PATH(floats) samples[SPAN];

				for (int i = 0; i < SPAN; i++)
					samples[i] = CONST_FLOATS_AT(&in[n][lane + i * WIDTH]);
				for (int t = 0; t < TILE; t++) {
					PATH(floats) factor = SPREAD(table[n][row + t]);

					for (int i = 0; i < SPAN; i++)
						sums[t][i] = FUSED(factor, samples[i], sums[t][i]);
				}
			}
			for (int i = 0; i < TILE * SPAN; i++)
				FLOATS_AT(&out[row + i / SPAN][lane + i % SPAN * WIDTH]) =
					sums[i / SPAN][i % SPAN];
		}
	}
}

/* Makes the look of one tone; returns its power. */
TARGET static inline PATH(floats)
	PATH(tone)(struct bl_dtmf_block *block, const struct sums *sums, int tone, int lane)
{
	struct bl_dtmf_look *look = &block->looks[block->newest];
	float *rising_re = &block->rising[tone][lane],
	      *rising_im = &block->rising[TONES + tone][lane];
	PATH(floats) plain_re = CONST_FLOATS_AT(&sums->even[tone][lane]);
	PATH(floats) plain_im = CONST_FLOATS_AT(&sums->odd[TONES + tone][lane]);
	PATH(floats) bent_re = CONST_FLOATS_AT(&sums->odd[tone][lane]);
	PATH(floats) bent_im = CONST_FLOATS_AT(&sums->even[TONES + tone][lane]);
	PATH(floats) fall_re = plain_re - bent_re, fall_im = plain_im - bent_im;
	/* the falling half is a hop later: turned back by that much */
	PATH(floats) cosine = SPREAD(bank.step_re[tone]), sine = SPREAD(bank.step_im[tone]);
	PATH(floats) re = FUSED(fall_re, cosine, CONST_FLOATS_AT(rising_re)) - fall_im * sine;
	PATH(floats) im = FUSED(fall_im, cosine, CONST_FLOATS_AT(rising_im)) + fall_re * sine;

	FLOATS_AT(rising_re) = plain_re + bent_re;
	FLOATS_AT(rising_im) = plain_im + bent_im;
	FLOATS_AT(&look->re[tone][lane]) = re;
	FLOATS_AT(&look->im[tone][lane]) = im;
	return FUSED(re, re, im * im);
}

/* Makes the looks of some lanes; the bits of those that are likely and ripe. */
TARGET static inline void PATH(lanes)(struct bl_dtmf_block *block, const struct sums *sums,
				      int lane, PATH(ints) found[2])
{
	PATH(floats) best[2], both, share, total = CONST_FLOATS_AT(&sums->total[lane]);
	PATH(ints) bits = CONST_INTS_AT(&lane_bits[lane]), run = CONST_INTS_AT(&block->run[lane]);
	PATH(ints) likely;

	for (int group = 0; group < 2; group++) {
		best[group] = SPREAD(0.0f);
		for (int k = 0; k < TONES / 2; k++) {
			int tone = group * TONES / 2 + k;
			/* apart from LARGER, which may look at what it is given twice */
			PATH(floats) power = PATH(tone)(block, sums, tone, lane);

			best[group] = LARGER(best[group], power);
		}
	}
	both = (best[0] + best[1]) * SPREAD(2.0f / (HOP * HOP)); /* as the power of sines */
	share = (total + CONST_FLOATS_AT(&block->total_before[lane])) * SPREAD(0.5f);
	FLOATS_AT(&block->looks[block->newest].total[lane]) = total;
	FLOATS_AT(&block->total_before[lane]) = total;
	likely = (best[0] >= SPREAD(bank.weakest * BL_DTMF_FALL_TO)) &
		 (best[1] >= SPREAD(bank.weakest * BL_DTMF_FALL_TO)) &
		 (both >= share * SPREAD(BL_DTMF_FALL_TO));
	run = (run - likely) & likely; /* true is -1 */
	INTS_AT(&block->run[lane]) = run;
	found[0] |= likely & bits;
	found[1] |= (run >= BL_DTMF_NEEDED) & bits;
}

TARGET static struct bl_dtmf_found PATH(look)(struct bl_dtmf_block *block,
					      const int16_t *const frames[LANES], size_t at)
{
	int32_t pairs[PAIRS][LANES];
	struct folded folded;
	struct sums sums;
	PATH(ints) found[2] = {{0}};
	struct bl_dtmf_found out = {0};

	PATH(gather)(frames, at, pairs);
	PATH(fold)((const int32_t(*)[LANES])pairs, &folded);
	PATH(multiply)(bank.even, (const float(*)[LANES])folded.sum, sums.even);
	PATH(multiply)(bank.odd, (const float(*)[LANES])folded.difference, sums.odd);
	memcpy(sums.total, folded.total, sizeof(sums.total));
	for (int lane = 0; lane < LANES; lane += WIDTH)
		PATH(lanes)(block, &sums, lane, found);
	for (int i = 0; i < WIDTH; i++) {
		out.likely |= (uint32_t)found[0][i];
		out.ripe |= (uint32_t)found[1][i];
	}
	return out;
}

#undef FLOATS_AT
#undef INTS_AT
#undef CONST_FLOATS_AT
#undef CONST_INTS_AT
#undef FIRST
#undef SECOND
#undef AS_FLOATS
#undef PATH
#undef TARGET
#undef WIDTH
#undef TILE
#undef SPAN
#undef SPREAD
#undef FUSED
#undef LARGER
