#!/usr/bin/python3
"""Writes what a version of lookup keeps, and what it answers from that, for tests that later versions still read it.

    tests/stores/write.py PATH-TO-LOOKUP tests/stores/VERSION

It needs redis-server. The folder must be new. Everything is done by the tool's own commands, so any version can be asked:

    numbers.key, receipt.key   the keys, for these numbers of nobody alone
    redis.resp.gz              the commands that make the redis store again, as redis writes them
    embedded.tar.gz            the folder of an embedded store with the same content
    receipts.tar.gz            the receipts of the service on redis
    call.proof                 the proof of one of them
    answers.json               what was asked, with the version's answers
"""
import gzip, io, json, os, pathlib, shutil, signal, socket, subprocess, sys, tarfile, tempfile, time

if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
    sys.exit(__doc__)
lookup, out = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
out.mkdir()
work = pathlib.Path(tempfile.mkdtemp())

# A Tuesday afternoon soon after what is recorded.
AT = "2026-12-08T14:00:00+01:00"
KEY = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
NL, FR, GB = "+316123456", "+336123456", "+44207946061"


def tool(*arguments, ok=(0,)):
    for _ in range(10):
        run = subprocess.run([lookup, *arguments, "--json"], capture_output=True, text=True, cwd=work)
        # On a machine that is busy.
        if "Try again" not in run.stdout:
            break
        time.sleep(2)
    if run.returncode not in ok:
        sys.exit(f"{arguments}: {run.stdout}{run.stderr}")
    return json.loads(run.stdout) if run.stdout.strip() else None


class Serving:
    """The service on a store; commands without a store ask it."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [lookup, "serve", "--listen", "127.0.0.1:0", "--log", "none", "--json", *arguments], stdout=subprocess.PIPE, text=True, cwd=work)
        os.environ["LOOKUP_ADDRESS"] = json.loads(self.process.stdout.readline())["grpc"].rstrip("/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # What it does at its end is part of what it keeps.
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def fill():
    """One of everything that is kept. Returns what a later version is to know again."""
    tool("org", "put", "acme", "--sector", "other")
    tool("org", "put", "strict", "--strict")
    tool("org", "put", "red-cross", "--sector", "ideal_or_charity", "--without", "code")
    tool("record", "objection", NL + "01", "--org", "acme", "--effective", "2026-06-01T12:00:00+02:00", "--reason", "said so", "--actor", "anna")
    consent = ("--org", "acme", "--purposes", "commercial,survey", "--since", "2026-05-01T10:00:00+02:00", "--until", "2036-05-01T00:00:00+02:00",
               "--evidence", "rec-4711", "--first-contact-months", "9", "--verified", "--actor", "anna")
    tool("record", "consent", NL + "02", *consent)
    tool("record", "consent", NL + "03", *consent)
    tool("record", "consent", NL + "03", "--org", "acme", "--purposes", "commercial", "--withdrawn", "--effective", "2026-08-01T10:00:00+02:00", "--actor", "anna")
    tool("record", "relation", NL + "04", "--org", "acme", "--relation", "customer", "--group", "energy", "--since", "2026-10-01T00:00:00+02:00",
         "--obtained-at-sale", "--opt-out-offered", "--actor", "anna")
    tool("record", "registration", NL + "05", "--register", "nl-bmnr", "--since", "2014-02-01", "--timezone", "Europe/Amsterdam", "--actor", "anna")
    tool("record", "objection", NL + "06", "--org", "*", "--effective", "2026-06-02T12:00:00+02:00", "--actor", "anna")
    tool("record", "subscriber", NL + "07", "--subscriber", "legal_person", "--effective", "2026-06-02T12:00:00+02:00", "--actor", "anna")
    tool("record", "published_for_offers", NL + "08", "--effective", "2026-06-02T12:00:00+02:00", "--actor", "anna")
    tool("record", "objection", NL + "09", "--org", "acme", "--effective", "2026-06-01T12:00:00+02:00", "--actor", "anna")
    tool("record", "consent", NL + "09", *consent[:4], "--since", "2026-07-01T10:00:00+02:00", *consent[6:])
    for day in ("01", "08", "15"):
        tool("outcome", FR + "07", "--org", "acme", "--result", "no_answer", "--at", f"2026-11-{day}T12:00:00Z", "--actor", "anna")
    tool("outcome", FR + "08", "--org", "acme", "--result", "refused", "--at", "2026-11-15T12:00:00Z", "--actor", "anna")

    def file(name, *numbers):
        (work / name).write_text("number,effective\n" + "".join(f"{number},2026-09-01T00:00:00Z\n" for number in numbers))
        return name

    kept = tool("import", file("kept.csv", NL + "12", NL + "13"), "--set", "kind=objection", "--set", "organisation=acme")["import_id"]
    gone = tool("import", file("gone.csv", NL + "14"), "--set", "kind=objection", "--set", "organisation=acme")["import_id"]
    tool("revert", gone, "--yes")
    (work / "tps.csv").write_text("number\n" + "".join(f"{GB}{i}\n" for i in (1, 2, 3)))
    tool("import", "tps.csv", "--register", "uk-tps", "--snapshot", "2026-11-20", "--timezone", "Europe/London", "--accept-change")
    tool("record", "objection", NL + "15", "--org", "acme", "--reason", "to be erased", "--actor", "anna")
    # Where receipts are kept, the erasure overwrites this one's.
    tool("check", NL + "15", "--org", "acme", "--purpose", "commercial", ok=(10,))
    tool("erase", NL + "15", "--reason", "case 812", "--actor", "anna", "--yes")

    tool("key", "create", "admin", "--role", "admin", "--note", "of this test")
    tool("key", "create", "gone", "--role", "check")
    tool("key", "revoke", "gone")
    dialer = tool("key", "create", "dialer", "--role", "check", "--role", "write", "--max-rate", "2000")["apiKey"]
    tool("grant", "add", "dialer", "acme", "--until", "2037-01-01T00:00:00Z")
    return {"import_id": kept, "reverted_import_id": gone, "api_key": dialer}


NUMBERS = [
    *(NL + f"{i:02}" for i in range(1, 10)), FR + "07", FR + "08", NL + "12", NL + "13", NL + "14", NL + "15", *(f"{GB}{i}" for i in range(1, 5)), NL + "16"]


def ask():
    """Every number, with its facts."""
    answers = []
    for number in NUMBERS:
        group = ["--group", "energy"] if number == NL + "04" else []
        for question in (["--org", "acme", "--purpose", "commercial", *group], ["--org", "red-cross", "--purpose", "charity"]):
            arguments = ["explain", number, *question, "--at", AT]
            answers.append({"arguments": arguments, "answer": {"decision": tool(*arguments, ok=(0, 10, 11, 12))["decision"]}})
        answers.append({"arguments": ["facts", number], "answer": tool("facts", number)})
    for arguments in (["imports"], ["register", "list"], ["org", "list"], ["key", "list"], ["grant", "list"]):
        answers.append({"arguments": arguments, "answer": tool(*arguments)})
    return answers


def tar(path, folder):
    with tarfile.open(path, "w:gz") as to:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.name not in ("lock", "spare", "growing"):
                info = to.gettarinfo(file, str(file.relative_to(folder)))
                info.uid = info.gid = 0
                info.uname = info.gname = ""
                with open(file, "rb") as content:
                    to.addfile(info, content)


def redis_store():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (work / "redis").mkdir()
    redis = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(work / "redis"), "--save", "", "--appendonly", "yes", "--appendfsync", "no",
         "--aof-use-rdb-preamble", "no", "--hash-max-listpack-entries", "128", "--hash-max-listpack-value", "512", "--loglevel", "warning"], stdout=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.1)
        return write_redis(port)
    finally:
        redis.terminate()
        redis.wait(30)


def write_redis(port):
    (out / "number.key").write_text(KEY + "\n")
    (out / "number.key").chmod(0o600)
    store = ("--redis", f"127.0.0.1:{port}", "--key-file", str(out / "number.key"))
    tool("init", *store, "--partitions", "4", "--expected-facts", "1000")
    tool("receipt", "key", str(out / "receipt.key"))
    with Serving(*store, "--receipts", str(work / "receipts"), "--receipt-key", str(out / "receipt.key")):
        known = fill()
        answers = ask()
        check = tool("check", NL + "01", "--org", "acme", "--purpose", "commercial", ok=(10,))
        known["receipt_id"], known["consistency_token"] = check["receipt"]["id"], check["decision"]["consistencyToken"]
        time.sleep(3)
        tool("receipt", "get", known["receipt_id"], "--out", str(out / "call.proof"))
    subprocess.run(["redis-cli", "-p", str(port), "bgrewriteaof"], capture_output=True, check=True)
    while "aof_rewrite_in_progress:1" in (info := subprocess.run(["redis-cli", "-p", str(port), "info", "persistence"], capture_output=True, text=True).stdout) \
            or "aof_rewrite_scheduled:1" in info:
        time.sleep(0.2)
    base, = (work / "redis" / "appendonlydir").glob("*.base.aof")
    with open(out / "redis.resp.gz", "wb") as raw, gzip.GzipFile("", "wb", 9, raw, 0) as to:
        to.write(base.read_bytes())
    tar(out / "receipts.tar.gz", work / "receipts")
    return known, answers


def embedded_store():
    with Serving("--data", str(work / "embedded")):
        known = fill()
        answers = ask()
    tar(out / "embedded.tar.gz", work / "embedded")
    return known, answers


try:
    content = {}
    for name, write in (("redis", redis_store), ("embedded", embedded_store)):
        known, answers = write()
        content[name] = {"known": known, "answers": answers}
    version = subprocess.run([lookup, "--version"], capture_output=True, text=True).stdout.split("+")[0].strip()
    with open(out / "answers.json", "w") as to:
        json.dump({"version": version, **content}, to, indent=1)
        to.write("\n")
finally:
    shutil.rmtree(work)
