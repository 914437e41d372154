using System.Text.Json.Nodes;
using Lookup.Core;
using Lookup.Core.Blocks;
using Lookup.Core.Facts;
using Lookup.Core.Numbers;
using Lookup.Core.Regimes;
using Lookup.Embedded;
using Lookup.Embedded.Engine;
using Lookup.Redis.Registers;

namespace Lookup.ServiceTests.Cli;

/// <summary>Facts that an earlier version stored under numbers which checks read as others, or reject.</summary>
public sealed class FormerNumberTests : IDisposable
{
    private static readonly DateTimeOffset Effective = new(2024, 3, 12, 14, 0, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task FactsUnderFormerNumbers_AreToldByDoctorAndFoundAfterItsFileIsImported()
    {
        (ulong Stored, string Now)[] numbers =
        [
            (3903331234567, "+393331234567"), (33692123456, "+262692123456"), (3534890123456, "+442890123456"), (390549886377, "+3780549886377"),
            (31612345678, "+31612345678"), (316123456780, ""),
        ];
        await StoreAsync(numbers.Select(number => number.Stored));
        string[] data = ["--data", _folder.PathOf("data")];
        var file = _folder.PathOf("former.ndjson");

        var doctor = await CliRun.Async(["doctor", .. data, "--former-numbers", file, "--json"]);
        Assert.Equal((0, ""), (doctor.ExitCode, doctor.Error));
        var finding = Finding(doctor);
        Assert.Equal("warn", (string?)finding["level"]);
        Assert.StartsWith("5 numbers with facts are in no numbering plan", (string?)finding["what"], StringComparison.Ordinal);
        Assert.Contains("4 are another form", (string?)finding["what"], StringComparison.Ordinal);

        var import = await CliRun.Async(["import", file, .. data, "--json"]);
        Assert.Equal((0, ""), (import.ExitCode, import.Error));
        await using var store = await OpenAsync();
        foreach (var number in numbers.Where(number => number.Now.Length > 0))
        {
            Assert.True(PhoneNumber.TryParse(number.Now, out var now, out _));
            var objection = (await store.Reader.ReadAllAsync(store.Cipher.Encrypt(now), Token)).Single(one => one.Id.Kind == FactKind.Objection);
            // An imported objection in whole seconds counts to the end of its second.
            var later = number.Now == $"+{number.Stored}" ? 0 : 999;
            Assert.True(Timeline.TryAt(FactKind.Objection, objection.Value, Effective.ToUnixTimeMilliseconds() + later, out var entry));
            Assert.False(entry.Withdrawn);
            var consent = (await store.Reader.ReadAllAsync(store.Cipher.Encrypt(now), Token)).Single(one => one.Id.Kind == FactKind.Consent);
            Assert.Contains("form 12", consent.Details.Values.Single(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task BlocksInFormerForms_AreToldByDoctor()
    {
        await using (var store = await OpenAsync())
        {
            var entry = new BlockEntry { From = Effective.ToUnixTimeMilliseconds() };
            await store.Registry.ChangeBlocksAsync(
                [.. new ulong[] { 594976, 313 }.Select(prefix => new BlockChange("acme", new BlockRange(prefix, prefix, IsPrefix: true), block => block.With(entry)))], Token);
        }

        var doctor = await CliRun.Async("doctor", "--data", _folder.PathOf("data"), "--former-numbers", _folder.PathOf("former.ndjson"), "--json");
        var finding = Finding(doctor, "blocks");
        Assert.Equal("warn", (string?)finding["level"]);
        Assert.StartsWith("1 blocks name numbers that are in no numbering plan of this version: +594976* of acme.", (string?)finding["what"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoreWithoutFormerNumbers_HasNothingToWrite()
    {
        await StoreAsync([31612345678, 442890123456]);
        var file = _folder.PathOf("former.ndjson");
        var doctor = await CliRun.Async("doctor", "--data", _folder.PathOf("data"), "--former-numbers", file, "--json");
        Assert.Equal("ok", (string?)Finding(doctor)["level"]);
        Assert.Equal("ok", (string?)Finding(doctor, "blocks")["level"]);
        Assert.False(File.Exists(file));

        var service = await CliRun.Async("doctor", "--former-numbers", file);
        Assert.Equal(2, service.ExitCode);
        Assert.Contains("name it with --data or --redis", service.Error, StringComparison.Ordinal);
    }

    private static JsonNode Finding(CliRun doctor, string name = "numbers") =>
        JsonNode.Parse(doctor.Output)!["findings"]!.AsArray().Single(finding => (string?)finding!["name"] == name)!;

    private Task<EmbeddedStore> OpenAsync() =>
        EmbeddedStore.StartAsync(new EmbeddedOptions { Folder = _folder.PathOf("data"), Create = true }, null, TimeProvider.System, Token);

    private async Task StoreAsync(IEnumerable<ulong> numbers)
    {
        await using var store = await OpenAsync();
        var expander = new FactExpander(RegimeSet.BuiltIn, store.Cipher, TimeProvider.System);
        var source = await store.Names.SourceIdAsync("web form", "anna", Token);
        var stored = new List<StoredFact>();
        foreach (var number in numbers)
        {
            var fact = new Fact { Kind = FactKind.Objection, Number = new PhoneNumber(number), Source = "web form", Organisation = "acme", Effective = Effective };
            var faults = new List<FieldFault>();
            expander.TryExpand(fact, source, stored, faults);
            expander.TryExpand(
                fact with { Kind = FactKind.Consent, Purposes = [Purpose.Commercial], Since = Effective, Evidence = new Evidence("form 12") }, source, stored, faults);
            Assert.Empty(faults);
        }

        await store.Writer.WriteAsync(stored, Token);
    }
}
