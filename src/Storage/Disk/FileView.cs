using System.Buffers;
using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace MiniMilvus.Storage.Disk;

/// <summary>
/// Bytes that are read where they lie: pages of a file that does not change, or an array. They may be read until the view is disposed, and
/// whoever pins them (<see cref="ReadOnlyMemory{T}.Pin"/>) keeps them until the pin is given back. A span that outlives both points nowhere.
/// </summary>
public sealed class FileView : IDisposable
{
    private readonly IDisposable? _owner;

    private FileView(ReadOnlyMemory<byte> bytes, IDisposable? owner, bool isMapped) => (Bytes, _owner, IsMapped) = (bytes, owner, isMapped);

    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Whether the bytes are pages of a file, which the system drops and reads again as it needs, and not memory of this process.</summary>
    public bool IsMapped { get; }

    /// <summary>Bytes in memory.</summary>
    public static FileView Of(ReadOnlyMemory<byte> bytes) => new(bytes, null, false);

    /// <summary>Bytes that belong to the view: disposing it disposes of them.</summary>
    public static FileView Of(IMemoryOwner<byte> owner, bool isMapped) => new(owner.Memory, owner, isMapped);

    /// <summary>A file's pages. The handle may be closed and the name deleted meanwhile; the file must not become shorter.</summary>
    internal static FileView Map(SafeFileHandle file, int length) => Of(new MappedPages(file, length), true);

    /// <summary>The first bytes only. The view that is given back takes this one's place.</summary>
    public FileView Shorten(int length) => new(Bytes[..length], _owner, IsMapped);

    public void Dispose() => _owner?.Dispose();

    private sealed unsafe class MappedPages : MemoryManager<byte>
    {
        private readonly MemoryMappedFile _file;
        private readonly MemoryMappedViewAccessor _view;
        private readonly byte* _start;
        private readonly int _length;
        private volatile bool _isDisposed;

        public MappedPages(SafeFileHandle file, int length)
        {
            _file = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            _view = _file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
            _start = (byte*)_view.SafeMemoryMappedViewHandle.DangerousGetHandle() + _view.PointerOffset;
            _length = length;
        }

        public override Span<byte> GetSpan()
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(FileView)); // although it may still be pinned, and so mapped
            return new Span<byte>(_start, _length);
        }

        /// <summary>The handle counts its users: what is pinned stays mapped although the view was disposed.</summary>
        public override MemoryHandle Pin(int elementIndex = 0)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)_length, nameof(elementIndex));
            var counted = false;
            _view.SafeMemoryMappedViewHandle.DangerousAddRef(ref counted);
            return new MemoryHandle(_start + elementIndex, default, this);
        }

        public override void Unpin() => _view.SafeMemoryMappedViewHandle.DangerousRelease();

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                _isDisposed = true;
                _view.Dispose();
                _file.Dispose();
            }
        }
    }
}
