using MiniMilvus.Core;
using MiniMilvus.Core.Errors;
using MiniMilvus.Simulation.Exploration;
using MiniMilvus.Simulation.Scheduling;
using MiniMilvus.Woodpecker;

namespace MiniMilvus.Simulation.Walks;

internal sealed partial class LogWalk
{
    /// <summary>A process that writes in one term, or reads.</summary>
    private sealed class Life
    {
        private readonly LogWalk _walk;
        private readonly IWoodpecker _log;
        private LogPosition _acked;

        private Life(LogWalk walk, int term)
        {
            (_walk, Term) = (walk, term);
            Actor = new Actor(new SimProcess(walk._scheduler, $"{++walk._processes:D4}", TimeSpan.Zero), walk._gate) { IsHeld = true };
            _log = walk.Start(Actor, Actor.Process.Name);
        }

        public Actor Actor { get; }

        public int Term { get; }

        public ILogWriter? Writer { get; private set; }

        public int Appends { get; private set; }

        public bool HasEnded { get; private set; }

        public bool IsOpening => Term > 0 && Writer is null && !HasEnded;

        public static Life Write(LogWalk walk, int term)
        {
            var life = new Life(walk, term);
            life.Do("open", async () =>
            {
                var writer = await life._log.OpenWriterAsync(Name, new Term(term), Never);
                await using var unheld = walk.Start(new Actor(life.Actor.Process, walk._gate), "looker");
                walk._ledger.Opened(term, writer.Confirmed, await ReadAllAsync(unheld, writer.Confirmed));
                (life.Writer, life._acked) = (writer, writer.Confirmed);
            });
            return life;
        }

        public static Life Read(LogWalk walk)
        {
            var life = new Life(walk, 0);
            life.Follow("read", "entries shown to readers beside the writers", restMax: 0, LogPosition.Beginning);
            return life;
        }

        /// <summary>A reader in the writer's own process, which now and then rests so long that the tail in memory passes it.</summary>
        public void ReadBeside() =>
            Follow("read beside", "entries shown to readers in the writers' processes", restMax: 1000, _walk._random.Next(3) == 0 ? LogPosition.Beginning : Writer!.Confirmed);

        private void Follow(string what, string shown, int restMax, LogPosition from)
        {
            var seen = new List<LogPosition>();
            _walk._walked.Add(seen);
            Do(what, async () =>
            {
                await foreach (var entry in _log.ReadAsync(Name, from, LogPosition.Max, Never))
                {
                    _walk._ledger.Show($"reader {Actor.Process.Name}", entry.Position, NumberOf(entry.Bytes.Span));
                    seen.Add(entry.Position);
                    _walk.Count(shown);
                    if (restMax > 0 && _walk._random.Next(4) == 0)
                    {
                        await Task.Delay(TimeSpan.FromMilliseconds(_walk._random.Next(restMax)), Actor.Process.Time);
                    }
                }
            });
        }

        /// <summary>Asks for what must not be had.</summary>
        public void BeRefused(int choice)
        {
            var last = new LogPosition(long.MaxValue / 2, 0);
            switch (choice)
            {
                case 0 when Term > 1:
                    Refuse("an older term", ErrorKind.Fenced, async () => await _log.OpenWriterAsync(Name, new Term(Term - 1), Never));
                    break;
                case 1:
                    Refuse("a log that exists", ErrorKind.Conflict, async () => await _log.CreateAsync(Name, Never));
                    break;
                case 2:
                    Refuse("a log that does not exist", ErrorKind.NotFound, async () => await _log.GetWatermarksAsync("another", Never));
                    break;
                case 3:
                    Refuse("truncation beyond confirmed", ErrorKind.Invalid, async () => await _log.TruncateAsync(Name, last, Never));
                    break;
                case 4 when _walk._truncated > new LogPosition(0, 1):
                    Refuse("a truncated place", ErrorKind.NotFound, async () =>
                    {
                        await using var reader = _log.ReadAsync(Name, new LogPosition(0, 1), LogPosition.Max, Never).GetAsyncEnumerator(Never);
                        await reader.MoveNextAsync();
                    });
                    break;
                case 5:
                    Refuse("an entry that is too large", ErrorKind.Invalid, async () => await Writer!.EnqueueAsync(new byte[EntryBytesMax + 1], Never));
                    break;
            }
        }

        private void Refuse(string what, ErrorKind kind, Func<Task> work) => _ = Actor.Process.CallAsync(async () =>
        {
            try
            {
                await work();
                _walk.Wrong.Add($"process {Actor.Process.Name} in term {Term} was not refused {what}");
            }
            catch (MiniMilvusException e) when (e.Kind == kind)
            {
                _walk.Count($"refused: {what}");
            }
            catch (MiniMilvusException e) when (e.Kind is ErrorKind.Unavailable or ErrorKind.Fenced)
            {
                _walk.Count($"not answered: {what}"); // a call on the way failed, or it is no longer the writer
            }
            catch (MiniMilvusException e)
            {
                _walk.Wrong.Add($"process {Actor.Process.Name} in term {Term} was refused {what} with {e.Kind}, expected {kind}: {e.Message}");
            }

            return true;
        });

        public void Append(int number)
        {
            Appends++;
            Do("append", async () =>
            {
                var bytes = Entry(number);
                PendingAppend pending;
                try
                {
                    pending = await Writer!.EnqueueAsync(bytes, Never);
                }
                catch (MiniMilvusException e) when (e is { Kind: ErrorKind.Unavailable, Reason: ErrorReason.RateLimited })
                {
                    Appends--;
                    _walk.Count("refused: an append without room");
                    return;
                }

                _walk._ledger.Placed(number, Term, pending.Position);
                await pending.Durable;
                _walk._ledger.Ack(number);
                _walk.Count(pending.Position.Segment > _acked.Segment ? "acks behind a roll" : "acks");
                _acked = pending.Position;
                Appends--;
            });
        }

        public void Truncate()
        {
            var until = _acked;
            _walk._ledger.Truncated(until); // it may happen whatever its caller hears
            Do("truncate", async () =>
            {
                await _log.TruncateAsync(Name, until, Never);
                _walk._truncated = until > _walk._truncated ? until : _walk._truncated;
                _walk.Count("truncations");
            });
        }

        private void Do(string what, Func<Task> work) => _ = Actor.Process.CallAsync(async () =>
        {
            try
            {
                await work();
            }
            catch (MiniMilvusException e)
            {
                _walk.Count($"{what} ended {e.Kind}");
                // A truncation behind the end of its writer is Invalid: what the last group confirmed may stand nowhere yet.
                var isExpected = e.Kind is ErrorKind.Fenced or ErrorKind.Unavailable || (what, e.Kind) is ("read" or "read beside", ErrorKind.NotFound) or ("truncate", ErrorKind.Invalid) || _walk.IsFlip(e);
                if (!isExpected)
                {
                    _walk.Wrong.Add($"{what} of process {Actor.Process.Name} in term {Term} ended {e.Kind}: {e.Message}");
                }

                HasEnded |= what is not ("truncate" or "read beside");
                Writer = HasEnded ? null : Writer;
            }

            return true;
        });
    }
}
