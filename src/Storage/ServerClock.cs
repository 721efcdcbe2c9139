namespace MiniMilvus.Storage;

/// <summary>What time a server thinks it is, by the Date of its answer to any request: seconds, so to about one.</summary>
public static class ServerClock
{
    /// <param name="handler">How to reach it; disposed.</param>
    /// <returns>How far it is ahead of ours; null when it does not answer within the limit or gives no date.</returns>
    public static async Task<TimeSpan?> AskAsync(Uri address, HttpMessageHandler handler, TimeSpan limit, TimeProvider time, CancellationToken ct)
    {
        using var client = new HttpClient(handler);
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, deadline.Token);
        try
        {
            var sent = time.GetUtcNow();
            using var response = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, either.Token);
            var middle = sent + ((time.GetUtcNow() - sent) / 2);
            return response.Headers.Date is { } date ? date + TimeSpan.FromSeconds(0.5) - middle : null; // cut to the second, so half a one too low
        }
        catch (HttpRequestException)
        {
            return null;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }
}
