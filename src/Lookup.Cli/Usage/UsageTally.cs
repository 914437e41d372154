using Lookup.Core.Receipts;
using Lookup.Server.Receipts;

namespace Lookup.Cli.Usage;

/// <summary>What a credential asked on a day, for an organisation.</summary>
/// <param name="Day">The day of the answers.</param>
/// <param name="Credential">The credential; empty if the service required none.</param>
/// <param name="Organisation">The organisation of the questions.</param>
internal readonly record struct UsageKey(DateOnly Day, string Credential, string Organisation);

/// <summary>Counts of answers.</summary>
/// <param name="Checks">Answers to single checks.</param>
/// <param name="ListNumbers">Numbers answered in lists.</param>
/// <param name="WhatIf">Numbers answered under assumptions, which permit no call; only those whose request asked for a receipt.</param>
internal readonly record struct UsageCount(ulong Checks, ulong ListNumbers, ulong WhatIf)
{
    public static UsageCount operator +(UsageCount a, UsageCount b) => new(a.Checks + b.Checks, a.ListNumbers + b.ListNumbers, a.WhatIf + b.WhatIf);
}

/// <summary>Counts the answers in receipt logs by day, credential and organisation.</summary>
/// <param name="zone">The zone of the days.</param>
/// <param name="since">The first day; null: all.</param>
/// <param name="until">The last day; null: all.</param>
internal sealed class UsageTally(TimeZoneInfo zone, DateOnly? since, DateOnly? until)
{
    private readonly Dictionary<UsageKey, UsageCount> _counts = [];
    private readonly Dictionary<(string Log, ulong First), string> _files = [];

    /// <summary>Receipts that were read, also of other days.</summary>
    public ulong Receipts { get; private set; }

    /// <summary>Receipts that were erased with their numbers on about these days; they name no credential.</summary>
    public ulong Erased { get; private set; }

    /// <summary>The counts, in the order of day, credential and organisation.</summary>
    public IEnumerable<KeyValuePair<UsageKey, UsageCount>> Rows => _counts
        .OrderBy(row => row.Key.Day).ThenBy(row => row.Key.Credential, StringComparer.Ordinal).ThenBy(row => row.Key.Organisation, StringComparer.Ordinal);

    /// <summary>Adds the receipts of a log.</summary>
    /// <exception cref="ReceiptException">A receipt cannot be read.</exception>
    /// <exception cref="CliException">An earlier folder has the same receipts.</exception>
    public void Add(ReceiptFolder folder, Action<ulong> progress, CancellationToken ct)
    {
        foreach (var segment in folder.Segments())
        {
            var key = (Convert.ToHexStringLower(segment.LogId), segment.First);
            if (!_files.TryAdd(key, segment.Path))
            {
                throw new CliException($"{segment.Path} has the same receipts as {_files[key]}: name each log once.");
            }

            // An erased receipt has no time: that of the receipt before it is near.
            var day = since ?? DateOnly.MinValue;
            foreach (var receipt in segment.Receipts())
            {
                ct.ThrowIfCancellationRequested();
                Receipts++;
                if (ErasedReceipt.IsErased(receipt.Content, out _))
                {
                    Erased += IsWithin(day) ? 1UL : 0;
                }
                else
                {
                    day = Add(ReceiptFormat.Read(receipt.Content));
                }

                if (receipt.Index % 65_536 == 0)
                {
                    progress(receipt.Index);
                }
            }
        }
    }

    private DateOnly Add(Receipt receipt)
    {
        var day = DateOnly.FromDateTime(TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(receipt.Time), zone).DateTime);
        if (receipt.Kind is ReceiptKind.Check or ReceiptKind.List && IsWithin(day))
        {
            // The receipt of a list covers the chunks before it too.
            var numbers = receipt.Kind == ReceiptKind.List ? receipt.Count - receipt.Version : 1;
            var count = receipt.Hypothetical ? new UsageCount(0, 0, numbers)
                : receipt.Kind == ReceiptKind.List ? new UsageCount(0, numbers, 0)
                : new UsageCount(1, 0, 0);
            var key = new UsageKey(day, receipt.AskedBy, receipt.Organisation);
            _counts[key] = _counts.GetValueOrDefault(key) + count;
        }

        return day;
    }

    private bool IsWithin(DateOnly day) => (since is null || day >= since) && (until is null || day <= until);
}
