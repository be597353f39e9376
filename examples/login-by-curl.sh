#!/bin/sh
# A key by a local account, without a browser: login-by-curl.sh BASE USERNAME, the password on stdin.
set -eu
base=$1 username=$2
read -r password
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT
printf %s "$password" | curl -fsS -o /dev/null -c "$jar" -b "$jar" "$base/login" \
    --data-urlencode "username=$username" --data-urlencode "password@-"
curl -fsSL -c "$jar" -b "$jar" "$base/sso/key/generate?response_type=oauth_token"
