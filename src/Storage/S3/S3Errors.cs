using System.Net;
using System.Xml;
using Amazon.Runtime;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.S3;

/// <summary>What a failed request means for the caller: the one place where S3's statuses and codes become kinds of error.</summary>
internal static class S3Errors
{
    /// <summary>Codes by which a server says "again, later" under a status that says something else.</summary>
    private static readonly string[] Passing =
    [
        "RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody",
        // Another conditional put is under way or was overtaken by a delete: nothing is decided yet.
        "ConditionalRequestConflict", "OperationAborted",
    ];

    /// <summary>Codes that mean the keys, under whatever status.</summary>
    private static readonly string[] Refusals =
        ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed", "AllAccessDisabled", "AccountProblem"];

    /// <summary>Null for what is no failure of the request (a defect of ours, the caller's own cancellation).</summary>
    public static MiniMilvusException? Translate(Exception e, S3Options options, string operation, string key, PutCondition? condition, CancellationToken caller) => e switch
    {
        OperationCanceledException when caller.IsCancellationRequested => null,
        MiniMilvusException => null,
        AmazonServiceException { StatusCode: var status } answer when (int)status >= 300 => OfAnswer(answer, options, operation, key, condition),
        AmazonClientException or AmazonServiceException or HttpRequestException or IOException or TimeoutException or OperationCanceledException =>
            MiniMilvusException.Unavailable($"{Text(operation, key, options)}: no answer ({Root(e)}){Doubt(condition)}", e),
        // The client reads the text of an answer without a net.
        XmlException or FormatException or OverflowException =>
            MiniMilvusException.Unavailable($"{Text(operation, key, options)}: the answer is not S3's ({e.Message}){Doubt(condition)}", e),
        _ => null,
    };

    private static MiniMilvusException OfAnswer(AmazonServiceException e, S3Options options, string operation, string key, PutCondition? condition)
    {
        var text = $"{Text(operation, key, options)}: {(int)e.StatusCode} {e.ErrorCode}: {e.Message}";
        if (Passing.Contains(e.ErrorCode))
        {
            return MiniMilvusException.Unavailable(text + Doubt(condition), e);
        }

        if (e.ErrorCode == "NoSuchBucket")
        {
            return Invalid($"{options.Name} does not exist: create it, or correct the settings ({operation} of '{key}')", e);
        }

        if (Refusals.Contains(e.ErrorCode) || e.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized)
        {
            // S3 also answers 403 for an absent key to somebody who may not list the bucket, so this is never "absent".
            return Invalid($"{text} (with {options.Credentials?.ToString() ?? "the credentials of the environment"}): the keys must allow get, put, list and delete on the bucket", e);
        }

        return e.StatusCode switch
        {
            HttpStatusCode.NotFound when condition is null => ObjectKeys.NotFound(key),
            HttpStatusCode.NotFound when condition is PutCondition.IfMatch => Conflict(text, e),
            HttpStatusCode.PreconditionFailed => Conflict(text, e),
            HttpStatusCode.Conflict when condition is not null => Conflict(text, e),
            HttpStatusCode.NotImplemented => new MiniMilvusException(ErrorKind.Invalid, ErrorReason.NotSupported, text, e),
            HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests or >= HttpStatusCode.InternalServerError => MiniMilvusException.Unavailable(text + Doubt(condition), e),
            _ => Invalid(text, e),
        };
    }

    private static MiniMilvusException Conflict(string text, Exception e) => new(ErrorKind.Conflict, ErrorReason.Unspecified, text, e);

    private static MiniMilvusException Invalid(string text, Exception e) => new(ErrorKind.Invalid, ErrorReason.InvalidParameter, text, e);

    private static string Text(string operation, string key, S3Options options) => $"{operation} of '{key}' in {options.Name}";

    private static string Doubt(PutCondition? condition) => condition is null ? "" : "; the put may or may not have happened";

    private static string Root(Exception e) => e is OperationCanceledException ? "timed out" : (e.InnerException ?? e).Message;
}
