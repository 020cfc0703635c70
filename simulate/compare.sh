#!/bin/sh
# Plays the same random histories by another revision and by this tree, heals nothing in the end, and lists those of which one serves what the other does not.
#   simulate/compare.sh REVISION FIRST-SEED SEEDS [-votes|-halves|…]
# The drawing is this tree's in both, so that a seed means the same.
set -eu
[ $# -ge 3 ] || { sed -n '2,4s/^# *//p' "$0" >&2; exit 2; }
revision=$1 first=$2 seeds=$3
shift 3
here=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
work=$(mktemp -d)
trap 'git -C "$here" worktree remove --force "$work/tree" 2>/dev/null; rm -rf "$work"' EXIT
git -C "$here" worktree add -q --detach "$work/tree" "$revision"
cp "$here"/simulate/draw*.go "$here"/simulate/moments.go "$here"/simulate/random_test.go "$here"/simulate/outcomes_test.go "$here"/simulate/script.go "$here"/simulate/shrink.go "$work/tree/simulate/"
rm -f "$work"/tree/cluster/testdata/*.txt
cp "$here"/cluster/testdata/*.txt "$work/tree/cluster/testdata/" # for -near
for tree in "$work/tree" "$here"; do
	name=$([ "$tree" = "$here" ] && echo after || echo before)
	(cd "$tree/simulate" && go test -vet=off -c -o "$work/$name.test" . && "$work/$name.test" -test.run TestWhatHistoriesComeTo -test.timeout 24h -outcomes "$work/$name" -seed "$first" -seeds "$seeds" "$@" >&2)
done
awk 'NR==FNR { seed=$1; sub(/^[^ ]+ /, ""); before[seed]=$0; next }
	{ seed=$1; sub(/^[^ ]+ /, ""); if (before[seed] == $0) { same++; next }
	  kind = $0 ~ /^BROKEN/ ? "BROKEN NOW" : before[seed] ~ /^BROKEN/ ? "broken before" : $0+0 > before[seed]+0 ? "serves more" : "serves less"
	  count[kind]++; print kind ": seed " seed ": " before[seed] " -> " $0 }
	END { print same+0 " the same"; for (k in count) print count[k] " " k }' "$work/before" "$work/after"
