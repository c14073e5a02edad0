#!/usr/bin/env bash
# What action.yml runs: installs the program, runs a pipeline, compares the run with a stored one, and
# posts both as Markdown.
set -euo pipefail

work=${RUNNER_TEMP:-$(mktemp -d)}
if ! command -v alpaca-run >/dev/null; then
    export ALPACA_RUN_BIN=$work/alpaca-run
    sh "$GITHUB_ACTION_PATH/packages/install.sh"
    PATH=$ALPACA_RUN_BIN:$PATH
    echo "$ALPACA_RUN_BIN" >>"$GITHUB_PATH"
fi

# The words of each line, with what quotes hold together. Nothing is expanded.
words=()
while IFS= read -r word; do
    [ -z "$word" ] || words+=("$word")
done < <(printf '%s' "${ARGUMENTS:-}" | xargs -n 1 printf '%s\n')

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
    gh pr comment "$PULL_REQUEST" --body-file "$summary" --edit-last --create-if-none
fi
