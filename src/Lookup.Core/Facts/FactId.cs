namespace Lookup.Core.Facts;

/// <summary>
/// Names one timeline of a number: the kind of fact, its detail (the purpose of a consent, the kind of a relation, otherwise 0) and its
/// scope. Two facts with the same number and id are versions of each other.
/// </summary>
/// <param name="Kind">Kind of the fact.</param>
/// <param name="Detail">0 to 15.</param>
/// <param name="Scope">48 bits, see <see cref="Facts.Scope"/>.</param>
public readonly record struct FactId(FactKind Kind, byte Detail, ulong Scope)
{
    /// <summary>Length of a stored id in bytes: kind and detail share one, then the scope, big-endian.</summary>
    public const int Size = 1 + Facts.Scope.Size;

    /// <summary>
    /// The bit in the detail of a consent that marks appointments. Appointments have their own timeline, so that a consent to one call
    /// does not replace a general one.
    /// </summary>
    public const byte Appointment = 8;

    /// <summary>
    /// The detail of attempts without a product group. They are stored in addition to the timeline of all attempts of the organisation,
    /// which has detail 0, because they count for every group.
    /// </summary>
    public const byte Unlabelled = 1;

    /// <summary>
    /// The detail of attempts that were abandoned: answered, but no person spoke. They are stored in addition to the timeline of all
    /// attempts of the organisation.
    /// </summary>
    public const byte Abandoned = 2;

    /// <summary>
    /// The bit in the detail of a relation that marks ends: versions that end it, under the common spelling of the product group
    /// (<see cref="Facts.Scope.OfAnySpelling(string, string)"/>). They are stored in addition to the relation, and permit nothing.
    /// </summary>
    public const byte Ended = 8;

    /// <summary>Whether all versions of the timeline are also in another one, which is the one to show.</summary>
    public bool IsCopy => Kind switch
    {
        FactKind.Attempt => Detail == Unlabelled,
        FactKind.Relation => (Detail & Ended) != 0,
        _ => false,
    };

    /// <summary>Writes the stored form into the first <see cref="Size"/> bytes.</summary>
    public void WriteTo(Span<byte> destination)
    {
        destination[0] = (byte)(((int)Kind << 4) | Detail);
        var scope = Scope;
        for (var i = Facts.Scope.Size; i >= 1; i--)
        {
            destination[i] = (byte)scope;
            scope >>= 8;
        }
    }

    /// <summary>Reads the stored form.</summary>
    public static FactId Read(ReadOnlySpan<byte> source)
    {
        ulong scope = 0;
        for (var i = 1; i <= Facts.Scope.Size; i++)
        {
            scope = (scope << 8) | source[i];
        }

        return new FactId((FactKind)(source[0] >> 4), (byte)(source[0] & 15), scope);
    }
}
