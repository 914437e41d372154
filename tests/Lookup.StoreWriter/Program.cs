// Processes that tests can kill.
//
//   FOLDER WRITERS LOGLIMIT        opens the embedded store in a folder, records objections of ever more numbers by several
//                                  writers, and says "writer count" after each acknowledgement
//   work ...                       one session of SessionRun
//   sessions FOLDER SEED SESSIONS FACTS BATCH WRITERS LOGLIMIT     many sessions, by hand
using System.Globalization;
using Lookup.Core;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.StoreWriter;

switch (args[0])
{
    case "work":
        await SessionWorker.RunAsync(
            SessionSettings.Parse(args[1..]),
            int.Parse(args[8], CultureInfo.InvariantCulture),
            [.. args[9].Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))]);
        return 0;
    case "sessions":
        var run = new SessionRun(SessionSettings.Parse(args[1..]), Console.WriteLine);
        await run.RunAsync(default);
        run.Faults.ForEach(Console.WriteLine);
        Console.WriteLine($"{run.Killed} killed, {run.KilledInOpening} of them while they opened; {run.Acknowledged:N0} operations acknowledged, {run.Compared:N0} numbers compared, {run.Faults.Count} faults");
        return run.Faults.Count == 0 ? 0 : 1;
}

var writers = int.Parse(args[1], CultureInfo.InvariantCulture);
var logLimit = int.Parse(args[2], CultureInfo.InvariantCulture);
await using var store = await EmbeddedStore.StartAsync(
    new EmbeddedOptions { Folder = args[0], ExpectedFacts = 100_000, MemoryMiB = 256, LogLimitMiB = logLimit }, null, TimeProvider.System, default);
var output = new Lock();
await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
{
    for (var count = 0; count < 1_000_000;)
    {
        var facts = Enumerable.Range(count, 10).Select(i => new StoredFact(
            store.Cipher.Encrypt(new PhoneNumber(31_650_000_000UL + (ulong)((writer * 1_000_000) + i))),
            new FactId(FactKind.Objection, 0, Scope.FromName("acme")),
            new FactEntry { Effective = 1_780_000_000_000, Recorded = 1_780_000_000, Source = 1 },
            "acme",
            null)).ToArray();
        await store.Writer.WriteAsync(facts, default);
        count += facts.Length;
        lock (output)
        {
            Console.Out.WriteLine($"{writer} {count}");
            Console.Out.Flush();
        }
    }
})));
return 0;
