using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Lookup.Load.Fuzz;
using Lookup.Load.Processes;

namespace Lookup.Load.Commands;

/// <summary>Sends changed samples to everything that takes bytes from outside; what is found is kept with the seed that finds it again.</summary>
internal sealed class FuzzCommand : Command
{
    private const int Consents = 10_000;
    private static readonly TimeSpan InputLimit = TimeSpan.FromSeconds(10);

    private readonly Option<double> _seconds = new("--seconds") { Description = "How long, all targets together.", HelpName = "N", DefaultValueFactory = _ => 600 };
    private readonly Option<int> _seed = new("--seed") { Description = "What the changes come from; the same gives the same inputs, target by target.", HelpName = "N", DefaultValueFactory = _ => 1 };
    private readonly Option<string[]> _targets = new("--target") { Description = "Only these. Repeatable.", HelpName = "NAME", DefaultValueFactory = _ => [] };
    private readonly Option<string?> _keep = new("--keep") { Description = "Folder for the inputs that found something.", HelpName = "FOLDER" };

    public FuzzCommand()
        : base("fuzz", "Changed samples for numbers, stored facts, tokens, receipts, regimes, frames, JSON bodies and import files: no crash, no hang, no wrong ALLOW.")
    {
        Options.Add(_seconds);
        Options.Add(_seed);
        Options.Add(_targets);
        Options.Add(_keep);
        SetAction(RunAsync);
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken ct)
    {
        await using var bed = await TestBed.StartWithConsentsAsync(Consents, ct);
        await bed.ServeAsync(ct);
        using var service = new ServiceTargets(bed);
        FuzzTarget[] targets = [.. CodecTargets.All().Concat(service.All())];
        if (parsed.GetRequiredValue(_targets) is { Length: > 0 } named)
        {
            targets = [.. targets.Where(t => named.Contains(t.Name))];
        }

        var seed = parsed.GetValue(_seed);
        var share = TimeSpan.FromSeconds(parsed.GetValue(_seconds)) / targets.Length;
        var found = 0;
        for (var i = 0; i < targets.Length; i++)
        {
            found += await TryAsync(targets[i], new Mutator(new Random(HashCode.Of(seed, targets[i].Name))), share, parsed.GetValue(_keep), ct);
        }

        if (bed.Service.HasExited)
        {
            Console.WriteLine("The service has ended: " + bed.Service.Errors);
            found++;
        }
        else if (await service.UnhandledErrorsAsync(ct) is not "0" and var errors)
        {
            Console.WriteLine($"The service met {errors} exceptions that no code expects: {bed.Service.Errors}");
            found++;
        }

        Console.WriteLine(found == 0 ? $"Seed {seed}: nothing found." : $"Seed {seed}: {found} things found.");
        return found == 0 ? 0 : 1;
    }

    private static async Task<int> TryAsync(FuzzTarget target, Mutator mutator, TimeSpan time, string? keep, CancellationToken ct)
    {
        var clock = Stopwatch.StartNew();
        var (inputs, found) = (0L, new Dictionary<string, int>());
        for (; clock.Elapsed < time && !ct.IsCancellationRequested; inputs++)
        {
            var input = mutator.Of(target.Samples);
            var given = (byte[])input.Clone();
            try
            {
                await target.Try(input).WaitAsync(InputLimit, ct);
            }
            catch (Exception e) when (!ct.IsCancellationRequested)
            {
                var what = $"{e.GetType().Name}: {e.Message}";
                var kind = what.Length > 200 ? what[..200] : what;
                found[kind] = found.GetValueOrDefault(kind) + 1;
                if (found[kind] == 1)
                {
                    Console.WriteLine($"{target.Name}, input {inputs}: {what}\n  {Convert.ToHexStringLower(given.AsSpan(0, Math.Min(given.Length, 400)))}");
                    if (keep is not null)
                    {
                        Directory.CreateDirectory(keep);
                        await File.WriteAllBytesAsync(Path.Combine(keep, $"{target.Name}-{inputs}"), given, ct);
                    }
                }
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{target.Name}: {inputs:N0} inputs, {found.Count} kinds of findings ({found.Values.Sum():N0} inputs)"));
        return found.Count;
    }

    // string.GetHashCode differs from run to run.
    private static class HashCode
    {
        internal static int Of(int seed, string name) => name.Aggregate(seed, (hash, c) => unchecked((hash * 31) + c));
    }
}
