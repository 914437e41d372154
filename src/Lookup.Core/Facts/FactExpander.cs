using Lookup.Core.Numbers;

namespace Lookup.Core.Facts;

/// <summary>
/// Turns a fact as users state it into stored facts: names become scopes, a consent for several purposes becomes one fact per purpose, and
/// an attempt counts for the organisation and for its product group, or without a group for every group. Thread-safe.
/// </summary>
/// <param name="registers">The known registers.</param>
/// <param name="cipher">Encrypts the number to its pseudonym.</param>
/// <param name="clock">Provides the time of recording.</param>
public sealed class FactExpander(IRegisterCatalog registers, NumberCipher cipher, TimeProvider clock)
{
    private static readonly Purpose[] AllPurposes =
        [Purpose.Commercial, Purpose.Charity, Purpose.Political, Purpose.Survey, Purpose.Service];

    /// <summary>Checks a fact and appends its stored facts.</summary>
    /// <param name="source">The number of its source in the store's registry of sources.</param>
    /// <param name="output">Receives the stored facts; nothing if the fact is rejected.</param>
    /// <param name="faults">Receives every fault of the fact.</param>
    /// <returns>True if there was no fault.</returns>
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
                Add(0, Scope.FromName(fact.Register), fact.Register);
                break;
            case FactKind.Consent:
                var purposes = fact.Purposes.Count > 0 ? fact.Purposes.Distinct() : AllPurposes;
                // A withdrawal counts for every spelling of the group.
                var isForSpellings = fact.Withdrawn
                    && Scope.OfAnySpelling(fact.Organisation, fact.ProductGroup) != Scope.FromName(fact.Organisation, fact.ProductGroup);
                foreach (var purpose in purposes)
                {
                    AddForGroup((byte)((byte)purpose | (fact.Form == ConsentForm.Appointment ? FactId.Appointment : 0)));
                    if (isForSpellings)
                    {
                        AddForSpellings((byte)purpose);
                    }
                }

                break;
            case FactKind.Relation:
                AddForGroup((byte)fact.Relation);
                if (fact.ProductGroup.Length > 0 && (fact.Withdrawn || fact.Until is not null))
                {
                    // An end counts for every spelling of the group.
                    AddForSpellings((byte)((byte)fact.Relation | FactId.Ended));
                }

                break;
            case FactKind.Subscriber:
            case FactKind.Reassignment:
                Add(0, Scope.All, Scope.AllName);
                break;
            case FactKind.PublishedForOffers:
                var subject = fact.ProductGroup.Length == 0 ? Scope.AllName : fact.ProductGroup;
                Add(0, Scope.FromName(subject), subject);
                if (fact.Withdrawn && Scope.OfAnySpelling(fact.ProductGroup) is var spelled && spelled != Scope.FromName(subject) && fact.ProductGroup.Length > 0)
                {
                    Add(0, spelled, Scope.NameOfAnySpelling(fact.ProductGroup));
                }

                break;
            case FactKind.Attempt:
                Add(0, Scope.FromName(fact.Organisation), fact.Organisation);
                if (fact.ProductGroup.Length > 0)
                {
                    AddForSpellings(0);
                }
                else
                {
                    Add(FactId.Unlabelled, Scope.FromName(fact.Organisation), fact.Organisation);
                }

                if (fact.Abandoned)
                {
                    Add(FactId.Abandoned, Scope.FromName(fact.Organisation), fact.Organisation);
                }

                break;
            default:
                Add(0, Scope.FromName(fact.Organisation), fact.Organisation);
                break;
        }

        if (faults.Count > faultsBefore)
        {
            output.RemoveRange(begin, output.Count - begin);
        }

        return faults.Count == faultsBefore;

        void AddForGroup(byte of) => Add(
            of, Scope.FromName(fact.Organisation, fact.ProductGroup), Scope.NameOf(fact.Organisation, fact.ProductGroup));

        void AddForSpellings(byte of) => Add(
            of, Scope.OfAnySpelling(fact.Organisation, fact.ProductGroup), Scope.NameOfAnySpelling(fact.Organisation, fact.ProductGroup));

        void Add(byte of, ulong scope, string name)
        {
            // The first name stored for a scope keeps it, and no register may find its scope taken.
            if (registers.RegisterOf(scope) is { } register && register != name)
            {
                faults.Add(new FieldFault(FactRules.ScopeField(fact), $"This name has the same hash as the register {register}; use another name."));
            }

            output.Add(new StoredFact(key, new FactId(fact.Kind, of, scope), entry, name, detail));
        }
    }

    /// <summary>Returns warnings for a valid fact that is probably a mistake; null for none.</summary>
    public List<FieldFault>? Warnings(Fact fact)
    {
        var warnings = FactRules.Warnings(fact, clock.GetUtcNow());
        if (fact.Kind == FactKind.Registration && registers.CallingCodesOf(fact.Register) is { } codes)
        {
            var code = NumberPlan.CallingCodeOf(fact.Number);
            if (!codes.Contains(code))
            {
                (warnings ??= []).Add(new FieldFault(
                    FactRules.ScopeField(fact),
                    $"This register has numbers of +{string.Join(", +", codes)}; it forbids no call to a number of +{code}. Check the number and the register."));
            }
        }

        return warnings;
    }

    private uint Categories(Fact fact, List<FieldFault> faults)
    {
        if (!registers.TryGetRegister(fact.Register, out var known))
        {
            faults.Add(new FieldFault("registration.register", "No regime defines this register."));
            return 0;
        }

        if (fact.Categories.Count > FactRules.MaxList)
        {
            faults.Add(new FieldFault("registration.categories", $"At most {FactRules.MaxList} categories."));
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
        // A withdrawal ends the whole fact, so its other fields do not count.
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
