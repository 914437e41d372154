using Lookup.Core.Regimes;

namespace Lookup.Server.Mapping;

/// <summary>Finds registers and their categories by name.</summary>
internal static class RegisterMapping
{
    /// <summary>The error for an unknown register.</summary>
    internal const string Unknown = "No regime has a register of this name; ListRegisters lists them.";
    internal static RegisterDefinition? Find(RegimeSet regimes, string name)
    {
        foreach (var register in regimes.Registers)
        {
            if (register.Name == name)
            {
                return register;
            }
        }

        return null;
    }

    /// <summary>Returns the bits of categories; 0 if there are none, which means all.</summary>
    internal static bool TryBits(RegisterDefinition register, IEnumerable<string> names, out uint bits, out string unknown)
    {
        bits = 0;
        unknown = "";
        foreach (var name in names)
        {
            var index = 0;
            while (index < register.Categories.Count && register.Categories[index] != name)
            {
                index++;
            }

            if (index == register.Categories.Count)
            {
                unknown = name;
                return false;
            }

            bits |= 1u << index;
        }

        return true;
    }
}
