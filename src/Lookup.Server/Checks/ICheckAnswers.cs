using Microsoft.AspNetCore.Http;

namespace Lookup.Server.Checks;

/// <summary>Answers single checks that do not arrive as a call of the contract.</summary>
internal interface ICheckAnswers
{
    /// <summary>Validates a request, checks the permissions of its caller and decides it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="context">The HTTP request, which has passed the access gate.</param>
    /// <exception cref="Grpc.Core.RpcException">The request is invalid, not permitted or cannot be answered.</exception>
    public Task<V1.CheckResponse> AnswerAsync(V1.CheckRequest request, HttpContext context);
}
