/* analysis.c  What a leg is listened to for on demand: tones, fax and modem tones, who answered */
#include <stdlib.h>
#include <string.h>
#include "analysis.h"
#include "leg.h"

enum {
	LONGEST_MS = 60000, /* of any time of a greeting */
	MOST_WORDS = 100,
};

static int take_set(struct bl_tone_sets *sets, const struct bl_find_tone *tones, int32_t count,
		    struct bl_tone_set **out)
{
	struct bl_tonefind_tone wanted[BL_TONEFIND_TONES];
	struct bl_tone_set *set = sets->first;
	size_t size = sizeof(*tones) * (size_t)count;

	while (set && (set->count != count || memcmp(set->tones, tones, size) != 0))
		set = set->next;
	if (!set) {
		set = calloc(1, sizeof(*set));
		if (!set)
			return BL_ENOMEM;
		for (int32_t i = 0; i < count; i++)
			wanted[i] = (struct bl_tonefind_tone){
				.id = tones[i].id,
				.signal = tones[i].tone,
				.off_hz = (float)tones[i].off_hz,
				.off_percent = tones[i].off_percent,
			};
		if (bl_tonefind_set(wanted, count, &set->set)) {
			free(set);
			return BL_EINVAL;
		}
		memcpy(set->tones, tones, size);
		set->count = count;
		set->of = sets;
		set->next = sets->first;
		sets->first = set;
	}
	set->uses++;
	*out = set;
	return BL_OK;
}

static void leave_set(struct bl_tone_set *set)
{
	struct bl_tone_set **link = &set->of->first;

	if (--set->uses)
		return;
	while (*link != set)
		link = &(*link)->next;
	*link = set->next;
	free(set);
}

static bool is_time(int32_t ms)
{
	return ms > 0 && ms <= LONGEST_MS;
}

static int init_greeting(struct bl_greeting *greeting, const struct bl_greeting_setting *setting)
{
	if (setting && (!is_time(setting->initial_silence_ms) || !is_time(setting->greeting_ms) ||
			!is_time(setting->after_silence_ms) || !is_time(setting->total_ms) ||
			!is_time(setting->word_ms) || !is_time(setting->between_words_ms) ||
			setting->words < 1 || setting->words > MOST_WORDS))
		return BL_EINVAL;
	bl_greeting_init(greeting, setting);
	return BL_OK;
}

int bl_analysis_new(struct bl_tone_sets *sets, const struct bl_analysis_wish *wish,
		    struct bl_analysis **out)
{
	const struct bl_tonefind_tone cng = bl_tonefind_cng(BL_TONE_CNG);
	const struct bl_find_tone fax = {
		.id = cng.id,
		.off_percent = cng.off_percent,
		.tone = cng.signal,
		.off_hz = cng.off_hz,
	};
	struct bl_analysis *analysis = calloc(1, sizeof(*analysis));
	int err;

	if (!analysis)
		return BL_ENOMEM;
	analysis->node.release = bl_analysis_release;
	analysis->kind = wish->kind;
	if (wish->kind == BL_ANALYSIS_TONES)
		err = take_set(sets, wish->tones, wish->count, &analysis->set);
	else
		err = take_set(sets, &fax, 1, &analysis->set);
	if (!err && wish->kind == BL_ANALYSIS_GREETING)
		err = init_greeting(&analysis->greeting, wish->setting);
	if (err) {
		bl_analysis_release(NULL, &analysis->node);
		return err;
	}
	bl_tonefind_init(&analysis->find, &analysis->set->set);
	bl_answertone_init(&analysis->answer);
	*out = analysis;
	return BL_OK;
}

void bl_analysis_release(struct bl_engine *engine, struct bl_node *node)
{
	struct bl_analysis *analysis = (struct bl_analysis *)node;

	(void)engine;
	if (analysis->set)
		leave_set(analysis->set);
	free(analysis);
}

static void tell_tone(struct bl_worker *worker, const struct bl_leg *leg, int32_t tone)
{
	if (tone)
		bl_tell(worker, &(struct bl_event){
					.leg = leg->id,
					.kind = BL_EVENT_TONE,
					.code = tone,
				});
}

static int32_t answer_tone(struct bl_answertone *answer, const int16_t *narrow)
{
	static const int32_t codes[] = {
		[BL_ANSWERTONE_NONE] = 0,
		[BL_ANSWERTONE_CED] = BL_TONE_CED,
		[BL_ANSWERTONE_REVERSED] = BL_TONE_CED_REVERSED,
		[BL_ANSWERTONE_ANSAM] = BL_TONE_ANSAM,
		[BL_ANSWERTONE_ANSAM_REVERSED] = BL_TONE_ANSAM_REVERSED,
	};

	return codes[bl_answertone_frame(answer, narrow)];
}

static void watch_greeting(struct bl_worker *worker, const struct bl_leg *leg,
			   struct bl_analysis *analysis, const int16_t *narrow)
{
	static const int32_t codes[] = {
		[BL_GREETING_HUMAN] = BL_ANSWER_HUMAN,
		[BL_GREETING_MACHINE] = BL_ANSWER_MACHINE,
		[BL_GREETING_FAX] = BL_ANSWER_FAX,
		[BL_GREETING_SILENCE] = BL_ANSWER_SILENCE,
		[BL_GREETING_UNKNOWN] = BL_ANSWER_UNKNOWN,
		[BL_GREETING_BEEP] = BL_ANSWER_BEEP,
	};
	bool fax = bl_tonefind_frame(&analysis->find, narrow) != 0;
	enum bl_greeting_result result;

	fax = answer_tone(&analysis->answer, narrow) != 0 || fax;
	result = bl_greeting_frame(&analysis->greeting, narrow, BL_FRAME, leg->voice.active);
	if (fax && result == BL_GREETING_UNDECIDED)
		result = bl_greeting_fax(&analysis->greeting);
	if (result != BL_GREETING_UNDECIDED)
		bl_tell(worker, &(struct bl_event){
					.leg = leg->id,
					.kind = BL_EVENT_ANSWERED,
					.code = codes[result],
					.value = (uint64_t)analysis->greeting.at_ms,
				});
}

bool bl_leg_is_analysed(const struct bl_leg *leg)
{
	return leg->analyses[BL_ANALYSIS_TONES] || leg->analyses[BL_ANALYSIS_ANSWER_TONES] ||
	       leg->analyses[BL_ANALYSIS_GREETING];
}

void bl_leg_analyse(struct bl_worker *worker, struct bl_leg *leg, const int16_t *narrow)
{
	struct bl_analysis *tones = leg->analyses[BL_ANALYSIS_TONES];
	struct bl_analysis *answer = leg->analyses[BL_ANALYSIS_ANSWER_TONES];
	struct bl_analysis *greeting = leg->analyses[BL_ANALYSIS_GREETING];

	if (tones)
		tell_tone(worker, leg, bl_tonefind_frame(&tones->find, narrow));
	if (answer) {
		tell_tone(worker, leg, bl_tonefind_frame(&answer->find, narrow));
		tell_tone(worker, leg, answer_tone(&answer->answer, narrow));
	}
	if (greeting)
		watch_greeting(worker, leg, greeting, narrow);
}
