using Lookup.Core.Blocks;

namespace Lookup.Redis.Registers;

/// <summary>A change of a block.</summary>
/// <param name="Organisation">Its organisation; "*" for all.</param>
/// <param name="Range">Its numbers.</param>
/// <param name="Change">Returns the changed block; the same one if nothing changes. Called again if another process changed it meanwhile.</param>
public sealed record BlockChange(string Organisation, BlockRange Range, Func<NumberBlock, NumberBlock> Change);
