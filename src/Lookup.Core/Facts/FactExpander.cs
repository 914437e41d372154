using Lookup.Core.Numbers;

namespace Lookup.Core.Facts;

/// <summary>
/// Turns a fact as users state it into the facts that are stored: names become scopes, a consent for several purposes
/// becomes one fact for each, an attempt counts for the organisation and for the subject, or without one for
/// every subject. Thread-safe.
/// </summary>
/// <param name="registers">The known registers.</param>
/// <param name="cipher">Makes the number's pseudonym.</param>
/// <param name="clock">Gives the time of recording.</param>
public sealed class FactExpander(IRegisterCatalog registers, NumberCipher cipher, TimeProvider clock)
{
    private static readonly Purpose[] AllPurposes =
        [Purpose.Commercial, Purpose.Charity, Purpose.Political, Purpose.Survey, Purpose.Service];

    /// <summary>Checks a fact and appends what it stands for.</summary>
    /// <param name="fact">The fact.</param>
    /// <param name="source">Number of its source in the store's registry of sources.</param>
    /// <param name="output">Stored facts are appended; nothing if the fact is refused.</param>
    /// <param name="faults">Everything that is wrong with it is appended.</param>
    /// <returns>Whether nothing was wrong.</returns>
    public bool TryExpand(Fact fact, uint source, List<StoredFact> output, List<FieldFault> faults)
    {
        var now = clock.GetUtcNow();
        var faultsBefore = faults.Count;
        FactRules.Check(fact, now, faults);
        var categories = fact.Kind == FactKind.Registration ? Categories(fact, faults) : 0;
        if (faults.Count > faultsBefore)
        {
            return false;
        }

        var entry = Entry(fact, now, source, categories);
        var detail = FactDetail.Write(fact.Reason, fact.Kind == FactKind.Consent ? fact.Evidence : null);
        var key = cipher.Encrypt(fact.Number);
        var begin = output.Count;
        switch (fact.Kind)
        {
            case FactKind.Registration:
                Add(0, Scope.Of(fact.Register), fact.Register);
                break;
            case FactKind.Consent:
                var purposes = fact.Purposes.Count > 0 ? fact.Purposes.Distinct() : AllPurposes;
                foreach (var purpose in purposes)
                {
                    AddForGroup((byte)((byte)purpose | (fact.Form == ConsentForm.Appointment ? FactId.Appointment : 0)));
                }

                break;
            case FactKind.Relation:
                AddForGroup((byte)fact.Relation);
                break;
            case FactKind.Subscriber:
            case FactKind.Reassignment:
                Add(0, Scope.All, Scope.AllName);
                break;
            case FactKind.PublishedForOffers:
                var subject = fact.ProductGroup.Length == 0 ? Scope.AllName : fact.ProductGroup;
                Add(0, Scope.Of(subject), subject);
                break;
            case FactKind.Attempt:
                Add(0, Scope.Of(fact.Organisation), fact.Organisation);
                if (fact.ProductGroup.Length > 0)
                {
                    AddForGroup(0);
                }
                else
                {
                    Add(FactId.Unlabelled, Scope.Of(fact.Organisation), fact.Organisation);
                }

                break;
            default:
                Add(0, Scope.Of(fact.Organisation), fact.Organisation);
                break;
        }

        if (faults.Count > faultsBefore)
        {
            output.RemoveRange(begin, output.Count - begin);
        }

        return faults.Count == faultsBefore;

        void AddForGroup(byte of) => Add(
            of, Scope.Of(fact.Organisation, fact.ProductGroup), Scope.NameOf(fact.Organisation, fact.ProductGroup));

        void Add(byte of, ulong scope, string name)
        {
            // The first name of a scope keeps it, and no register may find its own taken.
            if (registers.RegisterOf(scope) is { } register && register != name)
            {
                faults.Add(new FieldFault(FactRules.ScopeField(fact), $"This name has the same hash as that of the register {register}; use another name."));
            }

            output.Add(new StoredFact(key, new FactId(fact.Kind, of, scope), entry, name, detail));
        }
    }

    /// <summary>What of a fact that can be recorded may not be meant like this; null for nothing.</summary>
    /// <param name="fact">The fact.</param>
    public List<FieldFault>? Warnings(Fact fact) => FactRules.Warnings(fact, clock.GetUtcNow());

    private uint Categories(Fact fact, List<FieldFault> faults)
    {
        if (!registers.TryGetRegister(fact.Register, out var known))
        {
            faults.Add(new FieldFault("registration.register", "No regime knows this register."));
            return 0;
        }

        if (fact.Categories.Count > FactRules.MaxList)
        {
            faults.Add(new FieldFault("registration.categories", $"More than {FactRules.MaxList}."));
            return 0;
        }

        uint bits = 0;
        foreach (var category in fact.Categories)
        {
            var index = Index(known, category);
            if (index < 0)
            {
                faults.Add(new FieldFault("registration.categories", $"The register has no category \"{FactRules.Quote(category)}\"."));
            }
            else
            {
                bits |= 1u << index;
            }
        }

        return bits;
    }

    private static int Index(IReadOnlyList<string> known, string category)
    {
        for (var i = 0; i < known.Count; i++)
        {
            if (known[i] == category)
            {
                return i;
            }
        }

        return -1;
    }

    private static FactEntry Entry(Fact fact, DateTimeOffset now, uint source, uint categories)
    {
        var effective = FactRules.EffectiveOf(fact, now).ToUnixTimeMilliseconds();
        var entry = new FactEntry
        {
            Effective = effective,
            Recorded = (uint)now.ToUnixTimeSeconds(),
            Source = source,
            Withdrawn = fact.Withdrawn,
        };
        // A withdrawal takes back the whole fact, so what the fact said does not count.
        if (fact.Withdrawn)
        {
            return entry;
        }

        return FactLattice.Normalise(fact.Kind, entry with
        {
            Until = FactRules.UntilOf(fact, now)?.ToUnixTimeMilliseconds() ?? FactEntry.Open,
            Since = (fact.Kind == FactKind.Consent ? fact.Appointment : fact.Since)?.ToUnixTimeMilliseconds() ?? 0,
            Form = fact.Form,
            LastTransaction = Math.Min(fact.LastTransaction?.ToUnixTimeMilliseconds() ?? 0, now.ToUnixTimeMilliseconds()),
            Categories = categories,
            Marks = MarksOf(fact),
            FirstContactMonths = (byte)fact.FirstContactMonths,
            Subscriber = fact.Subscriber,
        });
    }

    private static FactMarks MarksOf(Fact fact) => fact.Kind == FactKind.Consent
        ? (fact.Evidence is not null ? FactMarks.Evidence : 0)
            | (fact.Verified ? FactMarks.Verified : 0)
            | (fact.InLedger ? FactMarks.InLedger : 0)
        : (fact.ObtainedAtSale ? FactMarks.ObtainedAtSale : 0)
            | (fact.OptOutOffered ? FactMarks.OptOutOffered : 0);
}
