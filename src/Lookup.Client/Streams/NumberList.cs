using System.Runtime.CompilerServices;
using Lookup.V1;

namespace Lookup.Client.Streams;

/// <summary>Checks a list of numbers and yields one result for each, also after a failure.</summary>
internal sealed class NumberList(LookupClient client, LookupClientOptions options, IAsyncEnumerable<string> numbers, Question question, CheckOptions asked)
{
    public async IAsyncEnumerable<CheckResult> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var open = new CheckStreamOpen
        {
            Question = question,
            DefaultRegion = asked.DefaultRegion,
            Consistency = asked.Consistency,
            WhatIf = asked.WhatIf,
        };
        await using var chunks = new NumberChunks(numbers, options, cancellationToken);
        LookupException? failure = null;
        await using (var answers = client.CheckStreamAsync(open, chunks.PackAsync(CancellationToken.None), options.StreamWindow, cancellationToken).GetAsyncEnumerator(cancellationToken))
        {
            while (true)
            {
                try
                {
                    if (!await answers.MoveNextAsync())
                    {
                        break;
                    }
                }
                catch (LookupException exception)
                {
                    failure = exception;
                    break;
                }

                var answer = answers.Current;
                var chunk = chunks.TakeOldest();
                var validity = answer.Common is null ? null : Validity.From(answer.Common, Verdict.Allow, chunk.Given);
                for (var i = 0; i < chunk.Numbers.Length; i++)
                {
                    var number = answer.Numbers.Count > 0 && answer.Numbers[i] != 0 ? E164.ToText(answer.Numbers[i]) : chunk.Numbers[i];
                    yield return CheckResult.InList(number, answer.Verdicts[i], answer.Reasons[i], answer.Common, validity);
                }
            }
        }

        if (failure is null)
        {
            yield break;
        }

        await foreach (var number in chunks.UnansweredAsync())
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return CheckResult.Failed(number, failure);
        }
    }
}
