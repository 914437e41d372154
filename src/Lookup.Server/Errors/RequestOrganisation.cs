namespace Lookup.Server.Errors;

/// <summary>Finds the organisation that a request names, to show whose calls fail.</summary>
internal static class RequestOrganisation
{
    /// <summary>Returns its name as the caller sent it; empty if the request names none.</summary>
    internal static string Of(object? request) => request switch
    {
        V1.CheckRequest check => check.Question?.Organisation ?? "",
        V1.CheckBatchRequest batch => batch.Question?.Organisation ?? "",
        V1.ExplainRequest explain => explain.Question?.Organisation ?? "",
        V1.RecordOutcomeRequest outcome => outcome.Organisation,
        V1.ListBlocksRequest blocks => blocks.Organisation,
        _ => "",
    };
}
