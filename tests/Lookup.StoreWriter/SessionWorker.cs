using System.Globalization;
using Lookup.Embedded;

namespace Lookup.StoreWriter;

/// <summary>The process that writes: says what is acknowledged until it is killed, or its input ends.</summary>
internal static class SessionWorker
{
    internal const string Ready = "ready";

    internal static async Task RunAsync(SessionSettings settings, int session, int[] imported)
    {
        await using var store = await EmbeddedStore.StartAsync(settings.Options, null, TimeProvider.System, default);
        var output = new Lock();
        Say(Ready);
        using var stop = new CancellationTokenSource();
        _ = Task.Run(() =>
        {
            Console.In.Read();
            stop.Cancel();
        });
        await Task.WhenAll(Enumerable.Range(0, settings.Writers).Select(writer => Task.Run(async () =>
        {
            for (var step = 0; !stop.IsCancellationRequested; step++)
            {
                var next = SessionOperation.Next(settings, session, writer, step, imported[writer]);
                await RecordAsync(store, next);
                if (next.IsImport)
                {
                    imported[writer] += next.Count;
                }

                Say(string.Create(CultureInfo.InvariantCulture, $"{writer} {step}"));
            }
        })));

        void Say(string line)
        {
            lock (output)
            {
                Console.Out.WriteLine(line);
                Console.Out.Flush();
            }
        }
    }

    private static async Task RecordAsync(EmbeddedStore store, SessionOperation operation)
    {
        var facts = Enumerable.Range(operation.First, operation.Count).Select(index => SessionFacts.Fact(store.Cipher, index, operation.Fact)).ToArray();
        if (operation.Fact != NumberState.Erased)
        {
            await store.Writer.WriteAsync(facts, default);
            return;
        }

        foreach (var fact in facts)
        {
            await store.Writer.EraseAsync(fact.Key, fact, default);
        }
    }
}
