using Lookup.Core.Facts;
using Lookup.Server.Mapping;
using Lookup.V1;

namespace Lookup.Cli.Import;

/// <summary>Validates facts as the service does and expands them to stored facts.</summary>
internal sealed class FactCheck(FactExpander expander)
{
    private readonly Dictionary<FieldFault, ImportWarning> _warnings = [];

    /// <summary>Returns the distinct warnings since the last call.</summary>
    public IReadOnlyList<ImportWarning> TakeWarnings()
    {
        ImportWarning[] taken = [.. _warnings.Values];
        _warnings.Clear();
        return taken;
    }

    /// <summary>Appends the stored facts of a fact and returns the mapped fact; returns null and adds to <paramref name="refused"/> if it is invalid.</summary>
    public Core.Facts.Fact? Expand(V1.Fact source, int index, List<StoredFact> output, List<RefusedFact> refused)
    {
        List<FieldFault>? faults = null;
        var begin = output.Count;
        var fact = FactMapping.Map(source, ref faults);
        faults ??= [];
        expander.TryExpand(fact, 0, output, faults);
        if (faults.Count == 0)
        {
            foreach (var warning in expander.Warnings(fact) ?? [])
            {
                if (!_warnings.TryGetValue(warning, out var known))
                {
                    known = new ImportWarning { Warning = new FieldError { Field = warning.Field, Description = warning.Description }, FirstIndex = (uint)index };
                    _warnings.Add(warning, known);
                }

                known.Count++;
            }

            return fact;
        }

        output.RemoveRange(begin, output.Count - begin);
        refused.Add(new RefusedFact
        {
            Index = (uint)index,
            Errors = { faults.Select(fault => new FieldError { Field = fault.Field, Description = fault.Description }) },
        });
        return null;
    }
}
