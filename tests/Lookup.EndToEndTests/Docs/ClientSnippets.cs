#pragma warning disable IDE0011, CA1310, CA1822 // The pages write one-line statements without braces.
using Grpc.Core;
using Lookup.Client;
using Lookup.Client.Testing;
using Lookup.V1;
using Microsoft.Extensions.DependencyInjection;

namespace Lookup.EndToEndTests.Docs;

/// <summary>The C# of the pages. <see cref="DocSnippetTests"/> compares both, so that every snippet of a page compiles.</summary>
internal abstract class ClientSnippets
{
    protected abstract void Dial(string number);

    protected abstract void Retry(string number, TimeSpan pause);

    protected abstract void Remove(string number);

    protected abstract void HoldLists();

    protected abstract string Save(string token);

    public static async Task Check()
    {
        using var lookup = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:7500") });
        var question = new Question { Organisation = "acme", Purpose = Purpose.Commercial };
        var result = await lookup.CheckAsync("+31612345678", question);
        Console.WriteLine(result.MayCall ? $"dial {result.Number}" : $"do not dial: {result}");
    }

    public static void Register(IServiceCollection services) =>
        services.AddLookupClient(options => options.Address = new Uri("http://127.0.0.1:7500"));

    public async Task CheckAndRetry()
    {
        using var lookup = new LookupClient(new LookupClientOptions { Address = new Uri("http://127.0.0.1:7500") });
        var question = new Question { Organisation = "acme", Purpose = Purpose.Commercial };
        var result = await lookup.CheckAsync("+31612345678", question);
        if (result.MayCall)
        {
            Dial(result.Number);
        }
        else if (result.RetryAfter is { } pause)
        {
            Retry(result.Number, pause);
        }
    }

    public static async Task List(ILookupClient lookup, IAsyncEnumerable<string> numbers, Question question)
    {
        await foreach (var result in lookup.CheckAsync(numbers, question))
        {
            Console.WriteLine(result);
        }
    }

    public static FakeLookup Fake()
    {
        var fake = new FakeLookup().On("+31612345678", FakeAnswer.Fail(StatusCode.Unavailable));
        return fake;
    }

    public static async Task Dialer(Func<ILookupClient, Task> run, IReadOnlyList<string> dialled)
    {
        var dialer = (RunAsync: run, Dialled: dialled);
        var lookup = new FakeLookup()
            .On("+31612345678", FakeAnswer.Deny(ReasonCode.OutsideHours))
            .On((number, question) => number.StartsWith("+32"), FakeAnswer.Fail(StatusCode.Unavailable, TimeSpan.FromSeconds(5)))
            .On(MagicNumbers.Allow, FakeAnswer.Allow().After(TimeSpan.FromSeconds(1)));
        await dialer.RunAsync(lookup);
        Assert.Empty(dialer.Dialled);
    }

    public async Task Watch(ILookupClient lookup, string token, CancellationToken stop)
    {
        await foreach (var e in lookup.WatchAsync(["acme"], token, stop))
        {
            if (e.Change is { } change) Remove(change.Number);
            else if (e.Failure is not null) HoldLists();
            token = Save(e.ResumeToken);
        }
    }
}
