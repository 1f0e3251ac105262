#!/bin/bash
# run.sh  One fuzz target for some seconds, on a corpus that is kept: run.sh PROGRAM CORPUS
#
# BL_FUZZ_SECONDS in the environment says for how long, 10 where it says nothing.
# Where the corpus has grown large, it is first reduced to what takes different branches. What
# makes the target fail is left in CORPUS.failures.
set -euo pipefail
program=$1 corpus=$2 seconds=${BL_FUZZ_SECONDS:-10}
limit=2000 # [files]
options=(-max_len=2048 -timeout=30 -rss_limit_mb=3000)
if [[ $program == *fuzz_sip ]]; then
	# scripts of several datagrams; a stack that lives on has no leaks to be found between inputs
	options=(-max_len=8192 -timeout=60 -rss_limit_mb=3000 -detect_leaks=0)
	export ASAN_OPTIONS=detect_leaks=0 # nor at the end
	# what chance finds in somebody else's library must not stop a change that has nothing to do
	# with it: without a time it does the same few hundred scripts each time
	[[ -n ${BL_FUZZ_SECONDS:-} ]] || options+=(-seed=1 -runs=300)
fi

mkdir -p "$corpus" "$corpus.failures"
if (($(find "$corpus" -type f | wc -l) > limit)); then
	mkdir -p "$corpus.small"
	"$program" "${options[@]}" -merge=1 "$corpus.small" "$corpus" 2> "$corpus.merge.txt"
	rm -r "$corpus"
	mv "$corpus.small" "$corpus"
fi
exec "$program" "${options[@]}" -max_total_time="$seconds" -print_final_stats=1 \
	-artifact_prefix="$corpus.failures/" "$corpus"
