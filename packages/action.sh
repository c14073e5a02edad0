#!/usr/bin/env bash
# What action.yml runs: installs the program, runs a pipeline, compares the run with a stored one, and
# posts both as Markdown.
set -euo pipefail

work=${RUNNER_TEMP:-$(mktemp -d)}
# On Windows, a path with a drive would be cut at its colon in PATH.
! command -v cygpath >/dev/null || work=$(cygpath -u "$work")
fail() {
    echo "error: $1" >&2
    exit 2
}
[ -z "${COMPARE:-}" ] || [ -e "$COMPARE/manifest.json" ] || fail "$COMPARE is not the directory of a finished run"
if ! command -v alpaca-run >/dev/null; then
    export ALPACA_RUN_BIN=$work/alpaca-run
    sh "$GITHUB_ACTION_PATH/packages/install.sh"
    PATH=$ALPACA_RUN_BIN:$PATH
    echo "$ALPACA_RUN_BIN" >>"$GITHUB_PATH"
fi

# The words as a shell splits and unquotes them. Nothing is expanded.
printf '%s' "${ARGUMENTS:-}" | xargs -n 1 printf '%s\n' >"$work/words" ||
    fail "the arguments have a quote that is not closed: $ARGUMENTS"
words=()
while IFS= read -r word; do
    [ -z "$word" ] || words+=("$word")
done <"$work/words"

# A directory of its own, so that it has one run.
runs=$(mktemp -d "$work/runs.XXXXXX")
alpaca-run run "$PIPELINE" ${words[@]+"${words[@]}"} --runs-dir "$runs"
run=$(find "$runs" -mindepth 1 -maxdepth 1 -type d | head -n 1)
echo "run=$run" >>"$GITHUB_OUTPUT"

summary=$work/alpaca-run.md
if [ -z "${COMPARE:-}" ]; then
    printf '### %s\n\n```text\n%s\n```\n' "$PIPELINE" "$(alpaca-run runs show "$run")" >"$summary"
else
    # Exit code 1: the runs differ, which is an answer and no failure.
    code=0
    alpaca-run diff --md "$COMPARE" "$run" >"$summary" || code=$?
    [ "$code" -le 1 ] || exit "$code"
    echo "differs=$([ "$code" = 1 ] && echo true || echo false)" >>"$GITHUB_OUTPUT"
fi
cat "$summary" >>"$GITHUB_STEP_SUMMARY"
if [ "${COMMENT:-false}" = true ] && [ -n "${PULL_REQUEST:-}" ]; then
    # One comment for each pipeline, written again in every run.
    mark="<!-- alpaca-run $PIPELINE -->"
    { echo "$mark"; cat "$summary"; } >"$work/comment.md"
    comments=repos/$GH_REPO/issues/$PULL_REQUEST/comments
    id=$(MARK=$mark gh api "$comments" --paginate --jq '.[] | select(.body | startswith(env.MARK)) | .id' | head -n 1)
    if [ -n "$id" ]; then
        gh api --silent --method PATCH "repos/$GH_REPO/issues/comments/$id" --field "body=@$work/comment.md"
    else
        gh api --silent --method POST "$comments" --field "body=@$work/comment.md"
    fi
fi
