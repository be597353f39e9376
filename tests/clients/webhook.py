"""A receiver of webhooks that believes what the specification's own package verifies, and nothing else.

`webhook.py` listens on a port of this computer and prints a line of JSON for what arrives, the port first.
`webhook.py knock URL` makes a good call and several bad ones, and prints what was answered.
"""

import datetime
import http.server
import json
import os
import sys
import urllib.error
import urllib.request

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = os.environ["WEBHOOK_SECRET"]


def say(line):
    print(json.dumps(line), flush=True)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            event = Webhook(SECRET).verify(body, dict(self.headers))
        except WebhookVerificationError as wrong:
            say({"refused": str(wrong)})
            self.send_response(401)
        else:
            say({"id": self.headers["webhook-id"], "event": event})
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def knock(url, body, headers):
    request = urllib.request.Request(url, body.encode(), {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code


def signed(body, secret=SECRET, ago=0):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)
    return {
        "webhook-id": "msg_of_a_test",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_of_a_test", at, body),
    }


if len(sys.argv) == 1:
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    say({"port": server.server_port})
    server.serve_forever()
BODY = json.dumps({"type": "test", "timestamp": "2026-01-01T00:00:00Z", "data": {}})
say(
    {
        "good": knock(sys.argv[2], BODY, signed(BODY)),
        "another body": knock(sys.argv[2], BODY.replace("test", "text"), signed(BODY)),
        "another secret": knock(sys.argv[2], BODY, signed(BODY, "whsec_" + "A" * 44)),
        "an hour old": knock(sys.argv[2], BODY, signed(BODY, ago=3_600)),
        "unsigned": knock(sys.argv[2], BODY, {}),
    }
)
