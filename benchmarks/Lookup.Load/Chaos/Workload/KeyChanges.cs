using Lookup.Core.Numbers;
using Lookup.Load.Chaos.Stores;
using Lookup.Load.Processes;
using Lookup.Load.Results;

namespace Lookup.Load.Chaos.Workload;

/// <summary>
/// Changes the number key again and again with `lookup rekey`, which is killed with -9 in a third of its runs and started anew
/// until it succeeds. The instances have all keys from the beginning.
/// </summary>
internal sealed class KeyChanges(string tool, ChaosStore store, string keyFile, int seed)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LastLimit = TimeSpan.FromSeconds(60);

    private readonly Random _random = new(HashCode.Combine(seed, 3_000));

    /// <summary>Changes that were brought to their end; the next one is to the key behind the last.</summary>
    internal int Done { get; private set; }

    /// <summary>Runs that were killed.</summary>
    internal int Killed { get; private set; }

    /// <summary>Runs that failed, since the store was away.</summary>
    internal int Failed { get; private set; }

    private bool HasKeys => Done + 1 < EncryptionKeyFile.MaxKeys;

    /// <summary>Adds as many keys to the file as it may have, before instances are started with it.</summary>
    internal static KeyChanges Prepare(string tool, ChaosStore store, string keyFile, int seed)
    {
        while (EncryptionKeyFile.Add(keyFile).Count < EncryptionKeyFile.MaxKeys)
        {
        }

        return new KeyChanges(tool, store, keyFile, seed);
    }

    /// <summary>Until it is cancelled, or no key is left.</summary>
    internal async Task RunAsync(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested && HasKeys)
        {
            // A change takes about as long; one that was killed keeps its place for 15 s more.
            await OnceAsync(_random.Next(3) == 0 ? TimeSpan.FromSeconds(1 + (_random.NextDouble() * 14)) : Timeout.InfiniteTimeSpan, ct);
        }
    }

    /// <summary>Brings a change that was begun to its end, with nothing in its way.</summary>
    /// <exception cref="InvalidOperationException">It does not succeed.</exception>
    internal async Task FinishAsync(CancellationToken ct)
    {
        if (!HasKeys)
        {
            return;
        }

        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(LastLimit);
        (await Tool.RunAsync(tool, Arguments(), limit.Token)).MustSucceed("lookup rekey");
        Done++;
    }

    private async Task OnceAsync(TimeSpan life, CancellationToken ct)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(ct);
        end.CancelAfter(life);
        try
        {
            var result = await Tool.RunAsync(tool, Arguments(), end.Token);
            if (result.ExitCode == 0)
            {
                Done++;
                return;
            }

            Failed++;
            Report.Say($"    lookup rekey: {ToolResult.Tail(result.Error)}");
            await Task.Delay(Pause, ct);
        }
        catch (OperationCanceledException)
        {
            Killed += ct.IsCancellationRequested ? 0 : 1;
        }
    }

    // The key to change to is the last of its file.
    private string[] Arguments()
    {
        var file = $"{keyFile}.{Done + 1}";
        File.WriteAllLines(file, File.ReadLines(keyFile).Take(Done + 2));
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        return
        [
            "rekey", "--redis", store.DirectConnection, "--key-file", file, "--wait-replicas", $"{store.WaitReplicas}",
            "--bound", $"{ChaosRun.BoundMs + 100}", "--share", "100", "--json",
        ];
    }
}
