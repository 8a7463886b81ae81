// The entry point of the image. With --pico it is a pico process, which finds everything else in the host section.
#include "host/nt/start.hpp"

#include "host/nt/engine_port.hpp"
#include "host/nt/exceptions.hpp"
#include "host/nt/processes.hpp"
#include "host/nt/random.hpp"
#include "host/nt/threads.hpp"

extern "C" [[noreturn]] void lx_start();

namespace host::nt {

Process g_process;

void complain(std::string_view text) {
    DWORD written;
    (void)WriteFile(GetStdHandle(STD_ERROR_HANDLE), text.data(), static_cast<DWORD>(text.size()), &written, nullptr);
}

[[noreturn]] void fail(std::string_view what, std::string_view why, u32 code) {
    base::FixedWriter<400> text;
    base::print(text, "lxkernel: {}: {}", what, why);
    if (code)
        base::print(text, " (Windows error {})", code);
    text.put('\n');
    complain(text.view());
    if (g_process.log)
        log(text.view().substr(0, text.length() - 1));
    for (;;)
        (void)NtTerminateProcess(this_process(), static_cast<NTSTATUS>(g_process.failure_status));
}

namespace {

constexpr u64 kMagic = 0x7ec0'5e77'1b05'9e11;

// Slot 0 is where current_block() looks; those that follow are the engine's and ours. Windows keeps slot 0 out of TlsAlloc()'s hands,
// so that programs that use an index before they have one find null there.
void take_tls_slots() {
    u32 next = TlsAlloc();
    for (u32 wanted = next == 0 ? 0 : 1; wanted < kTlsCount; ++wanted) {
        if (next != wanted)
            fail("thread-local storage", "the first slots are taken");
        next = TlsAlloc();
    }
}

void read_processor() {
    u32 eax, ebx, ecx, edx;
    asm volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(1), "c"(0));
    if (!(ecx & (1u << 27)))
        fail("processor", "XSAVE is needed and missing");
    u32 low, high;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    // x87, SSE, AVX, AVX-512 and PKRU; tile state would need a permission request.
    g_process.xsave_mask = low & 0x2e7;
    u32 bytes = 576;
    for (u32 component = 2; component < 32; ++component) {
        if (!(g_process.xsave_mask & (u64{1} << component)))
            continue;
        asm volatile("cpuid" : "=a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx) : "a"(0xd), "c"(component));
        bytes = base::max(bytes, ebx + eax);
    }
    g_process.xsave_bytes = bytes;
    if (bytes > sizeof(VectorArea::state))
        fail("processor", "its vector state is larger than is provided for");
    LARGE_INTEGER frequency;
    QueryPerformanceFrequency(&frequency);
    g_process.performance_frequency = static_cast<u64>(frequency.QuadPart);
}

void prepare_process() {
    take_tls_slots();
    read_processor();
    install_exception_handler();
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
}

HANDLE make_section(u64 bytes, const char* what) {
    OBJECT_ATTRIBUTES attributes{};
    attributes.Length = sizeof(attributes);
    attributes.Attributes = OBJ_INHERIT;
    LARGE_INTEGER size;
    size.QuadPart = static_cast<i64>(bytes);
    HANDLE section;
    const NTSTATUS status =
        NtCreateSection(&section, SECTION_ALL_ACCESS, &attributes, &size, PAGE_EXECUTE_READWRITE, SEC_COMMIT, nullptr);
    if (status < 0)
        fail(what, "no memory", static_cast<u32>(status));
    return section;
}

void map_at(HANDLE section, u64 address, u64 bytes, const char* what) {
    void* base = reinterpret_cast<void*>(address);
    SIZE_T size = bytes;
    const NTSTATUS status =
        NtMapViewOfSection(section, this_process(), &base, 0, 0, nullptr, &size, 2, 0, PAGE_READWRITE);
    if (status < 0)
        fail(what, "cannot be mapped at its address", static_cast<u32>(status));
}

bool parse_hex(const wchar_t*& at, u64& value) {
    value = 0;
    const wchar_t* start = at;
    for (;; ++at) {
        const wchar_t c = *at;
        if (c >= '0' && c <= '9')
            value = value * 16 + static_cast<u64>(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value * 16 + static_cast<u64>(c - 'a' + 10);
        else
            return at != start;
    }
}

// The host section and our record, when this is a pico process: "lxkernel --pico=SECTION,RECORD".
bool find_pico(const wchar_t* line, u64& section, u64& index) {
    static constexpr char kStart[] = "lxkernel --pico=";
    for (usize i = 0; i + 1 < sizeof(kStart); ++i)
        if (*line++ != static_cast<wchar_t>(kStart[i]))
            return false;
    return parse_hex(line, section) && *line++ == ',' && parse_hex(line, index) && *line == 0;
}

[[noreturn]] void start_pico(u64 section, u64 index) {
    prepare_process();
    map_at(reinterpret_cast<HANDLE>(section), kSharedBase, kSharedBytes, "host section");
    Shared& state = shared();
    if (state.magic != kMagic || state.image_check != address_of(reinterpret_cast<void*>(&lx_start)) || index >= kMaxProcesses)
        fail("pico process", "the image does not lie where the instance host has it");
    g_process.index = static_cast<u32>(index);
    g_process.instance = reinterpret_cast<HANDLE>(state.instance_process);
    g_process.log = reinterpret_cast<HANDLE>(state.log_file);
    map_at(reinterpret_cast<HANDLE>(state.arena_section), base::kArenaBase, state.arena_bytes, "arena");
    const u32 slot = take_slot(GetCurrentThreadId(), g_process.index);
    if (slot == ~0u)
        fail("pico process", "too many threads");
    use_slot(slot);
    run_pico_process();
}

// The command line in UTF-8, split by the rules of Microsoft's C runtime.
Arguments split_command_line(const wchar_t* line) {
    constexpr usize kCapacity = 32 * 1024, kMaxArguments = 512;
    static char text[kCapacity * 3];
    static char* values[kMaxArguments + 1];
    const int bytes = WideCharToMultiByte(CP_UTF8, 0, line, -1, text, sizeof(text), nullptr, nullptr);
    if (bytes <= 0)
        fail("command line", "too long");
    i32 count = 0;
    char* from = text;
    char* to = text;
    for (;;) {
        while (*from == ' ' || *from == '\t')
            ++from;
        if (!*from || count == static_cast<i32>(kMaxArguments))
            break;
        values[count++] = to;
        bool is_quoted = false;
        while (*from && (is_quoted || (*from != ' ' && *from != '\t'))) {
            usize slashes = 0;
            while (*from == '\\')
                ++slashes, ++from;
            if (*from == '"') {
                for (usize i = 0; i < slashes / 2; ++i)
                    *to++ = '\\';
                if (slashes % 2)
                    *to++ = '"';
                else
                    is_quoted = !is_quoted;
                ++from;
                continue;
            }
            for (usize i = 0; i < slashes; ++i)
                *to++ = '\\';
            if (*from && (is_quoted || (*from != ' ' && *from != '\t')))
                *to++ = *from++;
        }
        const bool is_last = !*from;
        *to++ = 0;
        if (is_last)
            break;
        if (from < to)
            from = to; // the NUL took the blank's place
        else
            ++from;
    }
    return {count, values};
}

} // namespace

u64 arena_size() {
    MEMORYSTATUSEX memory{};
    memory.dwLength = sizeof(memory);
    GlobalMemoryStatusEx(&memory);
    // All of it counts against the commit limit from the start.
    u64 bytes = u64{2} << 30;
    while (bytes > memory.ullAvailPageFile / 4 && bytes > (u64{256} << 20))
        bytes /= 2;
    return bytes;
}

void prepare_instance(u64 arena_bytes, HANDLE log) {
    prepare_process();
    const HANDLE section = make_section(kSharedBytes, "host section");
    map_at(section, kSharedBase, kSharedBytes, "host section");
    Shared& state = shared();
    state.magic = kMagic;
    state.image_check = address_of(reinterpret_cast<void*>(&lx_start));
    state.host_section = reinterpret_cast<u64>(section);
    const HANDLE arena = make_section(arena_bytes, "arena");
    map_at(arena, base::kArenaBase, arena_bytes, "arena");
    state.arena_section = reinterpret_cast<u64>(arena);
    state.arena_bytes = arena_bytes;
    state.instance_process_id = GetCurrentProcessId();
    HANDLE self;
    if (!DuplicateHandle(this_process(), this_process(), this_process(), &self, PROCESS_ALL_ACCESS, TRUE, 0))
        fail("instance host", "no handle of its own process", GetLastError());
    state.instance_process = reinterpret_cast<u64>(self);
    HANDLE inherited_log = log;
    (void)DuplicateHandle(this_process(), log, this_process(), &inherited_log, 0, TRUE, DUPLICATE_SAME_ACCESS);
    state.log_file = reinterpret_cast<u64>(inherited_log);
    g_process.instance = self;
    g_process.log = inherited_log;
    SECURITY_ATTRIBUTES inherit{sizeof(inherit), nullptr, TRUE};
    for (u64& event : state.inherited_events)
        event = reinterpret_cast<u64>(CreateEventW(&inherit, FALSE, FALSE, nullptr));
    ProcessRecord& record = this_record();
    record.process_id = GetCurrentProcessId();
    record.number = static_cast<i32>(GetCurrentThreadId());
    record.state.store(ProcessState::Running);
    use_slot(take_slot(GetCurrentThreadId(), 0));
    seed_random();
    prepare_engine();
}

} // namespace host::nt

void lx_start() {
    using namespace host::nt;
    const wchar_t* line = GetCommandLineW();
    u64 section = 0, index = 0;
    if (find_pico(line, section, index))
        start_pico(section, index);
    lx_main(split_command_line(line));
}
