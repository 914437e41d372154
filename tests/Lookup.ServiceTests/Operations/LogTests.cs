using Grpc.Core;
using Lookup.Core.Facts;
using Lookup.Server.Telemetry;
using Lookup.V1;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lookup.ServiceTests.Operations;

/// <summary>What is logged has no numbers in it, whoever logs it and however.</summary>
public sealed class LogTests
{
    private const string Number = "+31612345678";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("+31612345678")]
    [InlineData("0612345678")]
    [InlineData("06-12345678")]
    [InlineData("+31 (0)6 12 34 56 78")]
    [InlineData("31.6.1234.5678")]
    [InlineData("2024-03-12 0612345678")]
    public void Mask_Number_LeavesThreeDigits(string number)
    {
        var masked = Redaction.Mask($"before {number} behind");

        Assert.StartsWith("before ", masked, StringComparison.Ordinal);
        Assert.EndsWith("***** behind", masked, StringComparison.Ordinal);
        Assert.True(masked.Count(char.IsAsciiDigit) <= 3, masked);
    }

    [Theory]
    [InlineData("at 2024-03-12T14:00:00.123Z")]
    [InlineData("took 123456 us")]
    [InlineData("a3f94c522de669ce")]
    public void Mask_WhatIsNoNumber_Stays(string text) => Assert.Equal(text, Redaction.Mask(text));

    [Fact]
    public void AnyLogger_TextValuesAndExceptions_AreMasked()
    {
        var lines = new LogLines();
        var services = new ServiceCollection();
        services.AddLogging(logging => logging.AddProvider(lines));
        MaskedLogs.Mask(services);
        using var built = services.BuildServiceProvider();
        var log = built.GetRequiredService<ILoggerFactory>().CreateLogger("Some.Framework");

        log.LogError(
            new InvalidOperationException($"outer {Number}", new FormatException("inner 0031612345678")),
            "text {Text}, number {Value}, short {Short}, object {Object}",
            Number,
            31612345678L,
            4711,
            new Uri($"http://localhost/v1/numbers/{Number}"));

        Assert.DoesNotContain("612345678", lines.All, StringComparison.Ordinal);
        Assert.Contains("short 4711", lines.All, StringComparison.Ordinal);
        Assert.Contains("[Short, 4711]", lines.All, StringComparison.Ordinal);
        Assert.Contains("[{OriginalFormat}, text {Text}", lines.All, StringComparison.Ordinal);
        Assert.Contains("inner 003*****", lines.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_ChecksErrorsAndAudits_LogNoNumber()
    {
        var store = new TroubledStore(await LookupServer.EmbeddedAsync());
        await using var server = await LookupServer.StartAsync(store, o =>
        {
            o.AllowAuditsPerSecond = 1_000;
            // Each check is to read, and to meet what is planted.
            o.RecordCacheBytes = 0;
        });
        var number = Samples.NewNumber();
        await server.Facts.RecordFactsAsync(Samples.Record(Samples.Consent(number), Samples.Objection(number)), cancellationToken: Ct);
        await server.Lookup.ExplainAsync(new ExplainRequest { Number = number, Question = Samples.Question() }, cancellationToken: Ct);
        await server.Http.GetAsync(new Uri($"/v1/numbers/{number}/nothing?number={number}", UriKind.Relative), Ct);
        await Fails(server, Samples.Check(number + "99999"));
        server.ExpectsErrors = true;
        store.OnReadOnTheWayBack = () => throw new InvalidOperationException($"planted: {number}, {number[1..]}");
        await Fails(server, Samples.Check(number));
        store.OnReadOnTheWayBack = () => Task.CompletedTask;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        while (!server.Log.All.Contains("WRONG ALLOW", StringComparison.Ordinal))
        {
            await store.WithoutObjectionsAsync(() => server.Lookup.CheckAsync(Samples.Check(number), cancellationToken: Ct).ResponseAsync);
            await Task.Delay(100, limit.Token);
        }

        Assert.Contains("Internal error", server.Log.All, StringComparison.Ordinal);
        Assert.Contains("planted: +31*****, 316*****", server.Log.All, StringComparison.Ordinal);
        Assert.DoesNotContain(number[4..], server.Log.All, StringComparison.Ordinal);
    }

    private static Task<RpcException> Fails(LookupServer server, CheckRequest request) =>
        Assert.ThrowsAsync<RpcException>(() => server.Lookup.CheckAsync(request, cancellationToken: Ct).ResponseAsync);
}
