#!/usr/bin/env python3
"""A dialer in Python: screens a list, then checks each number again just before the call.

usage: dial.py ADDRESS ORGANISATION NUMBER... -> one line per number; exit 1 if a number could not be decided

Needs the package lookup-client (clients/python).
"""
import sys

from lookup import CheckState, LookupClient, Question, Verdict


def main(address, organisation, numbers):
    question = Question(organisation=organisation, purpose="PURPOSE_COMMERCIAL")
    undecided = 0
    # A person waits for the output, so a broken list is not retried.
    with LookupClient(f"http://{address}", stream_retry_limit=0, stream_answer_timeout=5) as lookup:
        for screened in lookup.check_list(numbers, question):
            is_allowed = screened.verdict is Verdict.ALLOW
            result = lookup.check(screened.number, question) if is_allowed else screened
            # Dial the number that was decided, not the text in the request.
            print(f"DIAL {result.number}" if is_allowed and result.may_call else f"SKIP {result}")
            undecided += result.state is not CheckState.ANSWERED
    return 1 if undecided else 0


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
