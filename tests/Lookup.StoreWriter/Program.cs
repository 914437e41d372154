// A process that a test can kill: opens the embedded store in a folder, records objections of ever more numbers by
// several writers, and says "writer count" after each acknowledgement.
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Embedded;

var writers = int.Parse(args[1], System.Globalization.CultureInfo.InvariantCulture);
var logLimit = int.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture);
await using var store = await EmbeddedStore.StartAsync(
    new EmbeddedOptions { Folder = args[0], ExpectedFacts = 100_000, MemoryMiB = 256, LogLimitMiB = logLimit }, null, TimeProvider.System, default);
var output = new object();
await Task.WhenAll(Enumerable.Range(0, writers).Select(writer => Task.Run(async () =>
{
    for (var count = 0; count < 1_000_000;)
    {
        var facts = Enumerable.Range(count, 10).Select(i => new StoredFact(
            store.Cipher.Encrypt(new PhoneNumber(31_600_000_000UL + (ulong)((writer * 1_000_000) + i))),
            new FactId(FactKind.Objection, 0, Scope.Of("acme")),
            new FactEntry { Effective = 1_780_000_000_000, Recorded = 1_780_000_000, Source = 1 },
            "acme",
            null)).ToArray();
        await store.WriteAsync(facts, default);
        count += facts.Length;
        lock (output)
        {
            Console.Out.WriteLine($"{writer} {count}");
            Console.Out.Flush();
        }
    }
})));
