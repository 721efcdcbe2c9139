using Amazon.S3.Model;
using MiniMilvus.Core.Errors;
using MiniMilvus.Storage.Objects;

namespace MiniMilvus.Storage.S3;

/// <summary>Puts a condition into a request, in the header that the profile's server knows. The client signs every header it sends.</summary>
internal static class S3Conditions
{
    public static void Add(PutObjectRequest request, PutCondition condition, S3Options options)
    {
        switch (condition)
        {
            case PutCondition.None:
                break;
            case PutCondition.IfAbsent when options.Profile.IfAbsent is { Key: "If-None-Match", Value: var value }:
                request.IfNoneMatch = value;
                break;
            case PutCondition.IfAbsent:
                request.Headers[options.Profile.IfAbsent.Key] = options.Profile.IfAbsent.Value;
                break;
            case PutCondition.IfMatch match when options.Profile.HasIfMatch:
                request.IfMatch = match.ETag; // without quotes: not every server takes them off
                break;
            case PutCondition.IfMatch:
                throw MiniMilvusException.Invalid(ErrorReason.NotSupported, $"put of '{request.Key}' in {options.Name}: this kind of store cannot bind a put to an ETag");
            default:
                throw MiniMilvusException.Internal($"unknown put condition {condition}");
        }
    }
}
