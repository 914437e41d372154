#!/usr/bin/env python3
"""Removes numbers from an active list as soon as a fact about them changes, over the Watch stream.

usage: watch.py ADDRESS ORGANISATION LIST -> LIST has one E.164 number per line; exit 3 if changes were lost: scrub LIST.stale

Any change to a number removes it from the list: check the number before you put it back. The program stores the resume
token of the last processed message in LIST.token, so that it misses nothing after a restart or a broken connection.

While the service is silent or does not follow its store, the program renames LIST to LIST.held, so that the dialer, which
reads LIST before each call, has nothing to dial. It renames the file back when all changes until then have been
delivered. It writes LIST.token every second: if the file is more than a few seconds old, this program was killed, and the
dialer must not dial. At the first start, and after exit 3, provide a LIST that was scrubbed after this program started
to watch.

Needs the package lookup-client (clients/python).
"""
import os
import pathlib
import re
import signal
import sys

from lookup import ChangesLostError, LookupClient, ServiceError

FRESHNESS_SECONDS = 3  # three heartbeats
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def replace(path, text):
    """Replaces a file atomically: an interruption leaves the old content or the new one."""
    new = path.with_name(path.name + ".new")
    with open(new, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def held(path):
    """Returns the path of the list while the service is silent."""
    return path.with_name(path.name + ".held")


def hold(path, why):
    """Hides the list from the dialer, which then has no numbers to dial."""
    if path.exists():
        os.replace(path, held(path))
        print("HELD:", why, file=sys.stderr, flush=True)


def bring_back(path):
    """Returns the list to the dialer, unless a newer list is already there."""
    if held(path).exists() and not path.exists():
        os.replace(held(path), path)
        print("BACK", flush=True)


def take_off(path, number=None):
    """Removes a number, and every line that is not E.164, since no change would ever remove such a line."""
    for file in (path, held(path)):
        if file.exists():
            before = file.read_text(encoding="utf-8").splitlines()
            after = [line for line in before if line != number and E164.fullmatch(line)]
            if after != before:
                replace(file, "".join(line + "\n" for line in after))
                print("OFF", *(line for line in before if line not in after), flush=True)


def main(address, organisation, path):
    hold(path, "the service has not answered yet")
    token_path = path.with_name(path.name + ".token")
    token = token_path.read_text(encoding="utf-8") if token_path.exists() else ""
    with LookupClient(f"http://{address}", stream_answer_timeout=FRESHNESS_SECONDS) as lookup:
        try:
            for event in lookup.watch([organisation], token):
                if event.failure is not None:
                    hold(path, event.failure)
                    continue
                if event.change is not None:
                    take_off(path, event.change.number)
                # Without a freshness, changes since the token are still being delivered.
                elif event.freshness is not None and event.freshness <= FRESHNESS_SECONDS:
                    take_off(path)
                    bring_back(path)
                else:
                    hold(path, "the service does not follow the store")
                # Only now: everything before this event has been processed.
                replace(token_path, event.resume_token)
        except ServiceError as error:
            hold(path, error)
            print(error.status.name, error, file=sys.stderr, flush=True)
            if not isinstance(error, ChangesLostError):
                return 1
            # Never bring this list back: it is not known which changes it misses.
            if held(path).exists():
                os.replace(held(path), path.with_name(path.name + ".stale"))
            token_path.unlink(missing_ok=True)
            return 3
    return 1


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main(sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        # After any exit, no program removes numbers from the list.
        hold(pathlib.Path(sys.argv[3]), "the watch has ended")
