// A dialer's loop: screens the list once, then checks each number again just before the call.
// usage: DialerLoop ADDRESS ORGANISATION NUMBER... -> one line per number; exit 1 if a number could not be decided
using Lookup.Client;
using Lookup.V1;
using Microsoft.Extensions.DependencyInjection;

if (args.Length < 3)
{
    Console.Error.WriteLine("usage: DialerLoop ADDRESS ORGANISATION NUMBER...");
    return 2;
}

await using var services = new ServiceCollection()
    .AddLookupClient(options =>
    {
        options.Address = new Uri(args[0]);
        options.Timeout = TimeSpan.FromSeconds(2);
        options.StreamRetryLimit = TimeSpan.FromSeconds(2);
        // The check just before dialling must not reuse an earlier answer.
        options.ReuseLimit = 0;
    })
    .BuildServiceProvider();
var lookup = services.GetRequiredService<ILookupClient>();
var question = new Question { Organisation = args[1], Purpose = Purpose.Commercial };

var undecided = 0;
var callable = new List<string>();
await foreach (var result in lookup.CheckAsync(args[2..].ToAsyncEnumerable(), question))
{
    if (result.Verdict == Verdict.Allow)
    {
        callable.Add(result.Number);
    }
    else
    {
        Console.WriteLine($"SKIP {result}");
        undecided += result.State == CheckState.Answered ? 0 : 1;
    }
}

foreach (var number in callable)
{
    var result = await lookup.CheckAsync(number, question);
    // Dial the number that was decided, not the text in the request.
    Console.WriteLine(result.MayCall ? $"DIAL {result.Number}" : $"SKIP {result}");
    undecided += result.State == CheckState.Answered ? 0 : 1;
}

return undecided > 0 ? 1 : 0;
