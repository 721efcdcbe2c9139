// hnswlib behind a line protocol, so that the benchmark can take turns with it in one run. One thread.
//   argv: rows file, rows, dimension, query file, queries, truth file (k int32 per query), k, M, efConstruction
//   add FROM TO   -> seconds
//   search EF     -> seconds, hits (of queries * k)
//   memory        -> bytes that the index allocated
#include <hnswlib/hnswlib.h>
#include <malloc.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

template <typename T>
static std::vector<T> readAll(const char* path, size_t count) {
    std::vector<T> values(count);
    FILE* file = std::fopen(path, "rb");
    if (!file || std::fread(values.data(), sizeof(T), count, file) != count) {
        std::fprintf(stderr, "%s: expected %zu values\n", path, count);
        std::exit(1);
    }
    std::fclose(file);
    return values;
}

static size_t allocated() {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

int main(int argc, char** argv) {
    if (argc != 10) {
        std::fprintf(stderr, "expected 9 arguments, found %d\n", argc - 1);
        return 2;
    }
    const size_t rows = std::strtoul(argv[2], nullptr, 10), dimension = std::strtoul(argv[3], nullptr, 10);
    const size_t queries = std::strtoul(argv[5], nullptr, 10), k = std::strtoul(argv[7], nullptr, 10);
    const auto data = readAll<float>(argv[1], rows * dimension);
    const auto query = readAll<float>(argv[4], queries * dimension);
    const auto truth = readAll<int>(argv[6], queries * k);
    const size_t before = allocated();
    hnswlib::L2Space space(dimension);
    hnswlib::HierarchicalNSW<float> index(&space, rows, std::strtoul(argv[8], nullptr, 10), std::strtoul(argv[9], nullptr, 10));
    std::vector<std::vector<hnswlib::labeltype>> found(queries);
    char command[16];
    while (std::scanf("%15s", command) == 1) {
        const auto began = std::chrono::steady_clock::now();
        const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); };
        if (!std::strcmp(command, "add")) {
            size_t from, to;
            if (std::scanf("%zu %zu", &from, &to) != 2) return 2;
            for (size_t row = from; row < to; row++) index.addPoint(data.data() + row * dimension, row);
            std::printf("%.9f\n", seconds());
        } else if (!std::strcmp(command, "search")) {
            size_t ef, hits = 0;
            if (std::scanf("%zu", &ef) != 1) return 2;
            index.setEf(ef);
            for (size_t q = 0; q < queries; q++) {
                auto nearest = index.searchKnn(query.data() + q * dimension, k);
                found[q].clear();
                for (; !nearest.empty(); nearest.pop()) found[q].push_back(nearest.top().second);
            }
            const double took = seconds();
            for (size_t q = 0; q < queries; q++)
                for (auto label : found[q])
                    for (size_t i = 0; i < k; i++) hits += truth[q * k + i] == static_cast<int>(label);
            std::printf("%.9f %zu\n", took, hits);
        } else if (!std::strcmp(command, "memory")) {
            std::printf("%zu\n", allocated() - before);
        } else {
            return 2;
        }
        std::fflush(stdout);
    }
    return 0;
}
