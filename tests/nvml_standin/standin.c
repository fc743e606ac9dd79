/* A stand-in for libnvidia-ml.so.1: NVML's C functions over a text file, so that the real pynvml runs without a GPU.

   The environment variable NVML_STANDIN names the scenario: lines KEY=VALUE, read again when the file was replaced.
   KEY is a value's name, after "0." for GPU 0 and "0.1." for the MIG instance at place 1 of GPU 0. A missing value is
   NVML_ERROR_NOT_SUPPORTED. A number may grow: 1000+250/s counts from `epoch` (CLOCK_MONOTONIC seconds).
   "error.FUNCTION=15" makes a function fail, "sleep_ms.FUNCTION=300" makes it slow; after "0." on that GPU alone,
   and "error.*" is every function that takes a device. Structures are those of nvml.h as pynvml 13.615 declares them.
   A function is left out of the library by -DnvmlThatFunction=absent_nvmlThatFunction. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SUCCESS = 0, UNINITIALIZED = 1, INVALID_ARGUMENT = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7 };
enum { LINES = 512, NAMES = 128, LENGTH = 256, PLACES = 8 };

typedef unsigned long long u64;
typedef struct { unsigned pid; u64 bytes; unsigned gpu_instance, compute_instance; } Process;
typedef struct { u64 total, free, used; } Memory;
typedef struct { unsigned version; u64 total, reserved, free, used; } Memory2;
typedef struct { unsigned gpu, memory; } Utilization;
typedef struct { unsigned version, sensor; int degrees; } Temperature;
typedef struct { u64 reference_us, violation_ns; } Violation;
typedef union { double d; unsigned ui; u64 ull; } Value;
typedef struct { unsigned id, scope; long long at_us, latency_us; unsigned type; int result; Value value; } Field;
typedef struct { char legacy[16]; unsigned domain, bus, device, ids, subsystem; char bus_id[32]; } Pci;
typedef struct { unsigned id; int result; double value; const char *names[3]; } Metric;
typedef struct { unsigned version, count; void *earlier, *later; Metric metrics[]; } Metrics;
typedef struct { unsigned version, supported; } GpmSupport;
typedef struct { u64 taken; char at[LENGTH]; } GpmSample;

/* each thread reads the scenario for itself: ctypes lets threads call at the same time */
static __thread struct { unsigned hash; char key[LENGTH], value[LENGTH]; } lines[LINES];
static __thread int known, demanding; /* whether any line asks for an error or for slowness */
static __thread struct stat seen;
static struct { char name[LENGTH]; int calls; } counted[NAMES];
static int opened;

static unsigned hash_of(const char *key) {
    unsigned hash = 5381;
    while (*key) hash = hash * 33 + (unsigned char)*key++;
    return hash;
}

static void load(void) {
    const char *path = getenv("NVML_STANDIN");
    struct stat now;
    if (path == NULL || stat(path, &now) != 0) { known = 0; return; }
    if (now.st_ino == seen.st_ino && now.st_mtim.tv_nsec == seen.st_mtim.tv_nsec && now.st_mtim.tv_sec == seen.st_mtim.tv_sec)
        return;
    FILE *file = fopen(path, "r");
    if (file == NULL) return;
    seen = now;
    known = demanding = 0;
    char line[2 * LENGTH];
    while (known < LINES && fgets(line, sizeof line, file)) {
        char *value = strchr(line, '=');
        if (value == NULL) continue;
        *value++ = 0;
        value[strcspn(value, "\n")] = 0;
        demanding |= strstr(line, "error.") != NULL || strstr(line, "sleep_ms.") != NULL;
        lines[known].hash = hash_of(line);
        snprintf(lines[known].key, LENGTH, "%s", line);
        snprintf(lines[known++].value, LENGTH, "%s", value);
    }
    fclose(file);
}

static const char *text(const char *key) {
    unsigned hash = hash_of(key);
    for (int place = 0; place < known; place++)
        if (lines[place].hash == hash && strcmp(lines[place].key, key) == 0) return lines[place].value;
    return NULL;
}

static double number(const char *value) {
    char *rest;
    double start = strtod(value, &rest);
    if (*rest != '+') return start;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const char *epoch = text("epoch");
    return start + strtod(rest + 1, NULL) * (now.tv_sec + now.tv_nsec / 1e9 - (epoch ? atof(epoch) : 0));
}

/* A handle: 1 + GPU, and 100 × (1 + place) more for a MIG instance. */
static void *handle(int gpu, int place) { return (void *)(long)(1 + gpu + 100 * (1 + place)); }
static int gpu_of(void *device) { return (int)((long)device % 100) - 1; }
static int place_of(void *device) { return (int)((long)device / 100) - 1; }

static const char *at(void *device, const char *key) {
    static __thread char full[LENGTH];
    if (device == NULL) snprintf(full, LENGTH, "%s", key);
    else if (place_of(device) < 0) snprintf(full, LENGTH, "%d.%s", gpu_of(device), key);
    else snprintf(full, LENGTH, "%d.%d.%s", gpu_of(device), place_of(device), key);
    return full;
}

static int demanded(void *device, const char *kind, const char *function) {
    char key[LENGTH];
    snprintf(key, LENGTH, "%s.%s", kind, function);
    const char *value = text(at(NULL, key));
    if (value == NULL && device) value = text(at(device, key));
    if (value == NULL && device) value = text(at(handle(gpu_of(device), -1), key));
    return value ? (int)number(value) : 0;
}

static int begin(void *device, const char *function) {
    load();
    int place = 0;
    while (place < NAMES - 1 && counted[place].calls && strcmp(counted[place].name, function) != 0) place++;
    snprintf(counted[place].name, LENGTH, "%s", function);
    counted[place].calls++;
    if (!demanding) return SUCCESS;
    int ms = demanded(device, "sleep_ms", function);
    if (ms > 0) {
        struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
        nanosleep(&pause, NULL);
    }
    int error = demanded(device, "error", function);
    if (error == 0 && device) error = demanded(device, "error", "*");
    return error;
}

/* How often a function was called; for the tests. */
int standin_calls(const char *function) {
    for (int place = 0; place < NAMES; place++)
        if (counted[place].calls && strcmp(counted[place].name, function) == 0) return counted[place].calls;
    return 0;
}

void standin_forget(void) { memset(counted, 0, sizeof counted); }
int standin_opened(void) { return opened; }

#define BEGIN(device)                            \
    do {                                         \
        int error_ = begin(device, __func__);    \
        if (error_) return error_;               \
    } while (0)

static int get(void *device, const char *key, double *out) {
    const char *value = text(at(device, key));
    if (value == NULL) return NOT_SUPPORTED;
    *out = number(value);
    return SUCCESS;
}

static int get_text(void *device, const char *key, char *buffer, unsigned length) {
    const char *value = text(at(device, key));
    if (value == NULL) return NOT_SUPPORTED;
    snprintf(buffer, length, "%s", value);
    return SUCCESS;
}

#define UNSIGNED(FUNCTION, KEY)                  \
    int FUNCTION(void *device, unsigned *out) {  \
        double value;                            \
        BEGIN(device);                           \
        int error = get(device, KEY, &value);    \
        if (error == SUCCESS) *out = (unsigned)value; \
        return error;                            \
    }

#define LONG(FUNCTION, KEY)                      \
    int FUNCTION(void *device, u64 *out) {       \
        double value;                            \
        BEGIN(device);                           \
        int error = get(device, KEY, &value);    \
        if (error == SUCCESS) *out = (u64)value; \
        return error;                            \
    }

/* --- library and system --- */

int nvmlInitWithFlags(unsigned flags) { (void)flags; BEGIN(NULL); opened++; return SUCCESS; }
int nvmlShutdown(void) { BEGIN(NULL); opened--; return SUCCESS; }
const char *nvmlErrorString(int error) { static char words[32]; snprintf(words, 32, "error %d", error); return words; }
int nvmlSystemGetDriverVersion(char *out, unsigned length) { BEGIN(NULL); return get_text(NULL, "driver", out, length); }

int nvmlSystemGetCudaDriverVersion_v2(int *out) {
    double value;
    BEGIN(NULL);
    int error = get(NULL, "cuda", &value);
    *out = error ? 0 : (int)value;
    return error;
}

int nvmlSystemGetProcessName(unsigned pid, char *out, unsigned length) {
    char key[LENGTH];
    BEGIN(NULL);
    snprintf(key, LENGTH, "process_name.%u", pid);
    return get_text(NULL, key, out, length) ? NOT_FOUND : SUCCESS;
}

int nvmlDeviceGetCount_v2(unsigned *out) {
    double value = 0;
    BEGIN(NULL);
    get(NULL, "gpus", &value);
    *out = (unsigned)value;
    return SUCCESS;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
    *out = handle((int)index, -1);
    BEGIN(*out);
    return SUCCESS;
}

/* --- one device --- */

int nvmlDeviceGetName(void *device, char *out, unsigned length) { BEGIN(device); return get_text(device, "name", out, length); }
int nvmlDeviceGetUUID(void *device, char *out, unsigned length) { BEGIN(device); return get_text(device, "uuid", out, length); }
UNSIGNED(nvmlDeviceGetPowerUsage, "power_mw")
UNSIGNED(nvmlDeviceGetEnforcedPowerLimit, "power_limit_mw")
LONG(nvmlDeviceGetTotalEnergyConsumption, "energy_mj")
LONG(nvmlDeviceGetCurrentClocksEventReasons, "reasons")
LONG(nvmlDeviceGetCurrentClocksThrottleReasons, "reasons")
UNSIGNED(nvmlDeviceGetCurrPcieLinkGeneration, "pcie_generation")
UNSIGNED(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width")
UNSIGNED(nvmlDeviceGetMaxPcieLinkGeneration, "max_pcie_generation")
UNSIGNED(nvmlDeviceGetMaxPcieLinkWidth, "max_pcie_width")

int nvmlDeviceGetCudaComputeCapability(void *device, int *major, int *minor) {
    BEGIN(device);
    const char *value = text(at(device, "capability"));
    return value && sscanf(value, "%d.%d", major, minor) == 2 ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetMemoryInfo(void *device, Memory *out) {
    double total, used = 0, reserved = 0;
    BEGIN(device);
    if (get(device, "memory_total", &total)) return NOT_SUPPORTED;
    get(device, "memory_used", &used);
    get(device, "memory_reserved", &reserved);
    *out = (Memory){(u64)total, (u64)(total - used - reserved), (u64)(used + reserved)};
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(void *device, Memory2 *out) {
    double total, used = 0, reserved = 0;
    BEGIN(device);
    if (out->version != (sizeof *out | 2 << 24)) return 25; /* ARGUMENT_VERSION_MISMATCH */
    if (get(device, "memory_total", &total)) return NOT_SUPPORTED;
    get(device, "memory_used", &used);
    get(device, "memory_reserved", &reserved);
    *out = (Memory2){out->version, (u64)total, (u64)reserved, (u64)(total - used - reserved), (u64)used};
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(void *device, Utilization *out) {
    double gpu, memory = 0;
    BEGIN(device);
    if (get(device, "utilisation", &gpu)) return NOT_SUPPORTED;
    get(device, "memory_utilisation", &memory);
    *out = (Utilization){(unsigned)gpu, (unsigned)memory};
    return SUCCESS;
}

static int clock_of(void *device, unsigned kind, const char *sm, const char *memory, unsigned *out) {
    double value;
    if (kind != 1 && kind != 2) return INVALID_ARGUMENT;
    int error = get(device, kind == 1 ? sm : memory, &value);
    if (error == SUCCESS) *out = (unsigned)value;
    return error;
}

int nvmlDeviceGetClockInfo(void *device, unsigned kind, unsigned *out) {
    BEGIN(device);
    return clock_of(device, kind, "sm_mhz", "memory_mhz", out);
}

int nvmlDeviceGetMaxClockInfo(void *device, unsigned kind, unsigned *out) {
    BEGIN(device);
    return clock_of(device, kind, "max_sm_mhz", "max_memory_mhz", out);
}

int nvmlDeviceGetTemperature(void *device, unsigned sensor, unsigned *out) {
    double value;
    BEGIN(device);
    if (sensor != 0) return INVALID_ARGUMENT;
    int error = get(device, "temperature", &value);
    if (error == SUCCESS) *out = (unsigned)value;
    return error;
}

int nvmlDeviceGetTemperatureV(void *device, Temperature *out) {
    double value;
    BEGIN(device);
    if (out->version != (sizeof *out | 1 << 24)) return 25;
    if (out->sensor != 0) return INVALID_ARGUMENT;
    int error = get(device, "temperature", &value);
    if (error == SUCCESS) out->degrees = (int)value;
    return error;
}

int nvmlDeviceGetViolationStatus(void *device, unsigned policy, Violation *out) {
    char key[LENGTH];
    double value;
    BEGIN(device);
    snprintf(key, LENGTH, "violation_ns.%u", policy);
    int error = get(device, key, &value);
    if (error == SUCCESS) *out = (Violation){0, (u64)value};
    return error;
}

/* field.ID=VALUE; field.ID.type: NVML's value type (1 unsigned int, 3 unsigned long long, which is the default) */
int nvmlDeviceGetFieldValues(void *device, int count, Field *fields) {
    char key[LENGTH];
    double value, type;
    BEGIN(device);
    for (int place = 0; place < count; place++) {
        snprintf(key, LENGTH, "field.%u", fields[place].id);
        fields[place].result = get(device, key, &value);
        snprintf(key, LENGTH, "field.%u.type", fields[place].id);
        fields[place].type = get(device, key, &type) ? 3 : (unsigned)type;
        if (fields[place].result) continue;
        if (fields[place].type == 1) fields[place].value.ui = (unsigned)(u64)value;
        else fields[place].value.ull = (u64)value;
    }
    return SUCCESS;
}

int nvmlDeviceGetPcieThroughput(void *device, unsigned counter, unsigned *out) {
    double value;
    BEGIN(device);
    int error = get(device, counter == 0 ? "pcie_tx_kb_per_s" : "pcie_rx_kb_per_s", &value);
    if (error == SUCCESS) *out = (unsigned)value;
    return error;
}

/* --- processes: "4321:9663676416 77:?" --- */

static int processes(void *device, const char *key, unsigned *count, Process *out) {
    const char *value = text(at(device, key));
    if (value == NULL) return NOT_SUPPORTED;
    unsigned found = 0, room = *count;
    for (const char *place = value; *place;) {
        char *rest;
        unsigned pid = (unsigned)strtoul(place, &rest, 10);
        if (rest == place) break;
        u64 bytes = ~0ULL; /* NVML_VALUE_NOT_AVAILABLE */
        if (*rest == ':' && rest[1] != '?') bytes = strtoull(rest + 1, &rest, 10);
        if (out && found < room) out[found] = (Process){pid, bytes, ~0U, ~0U};
        found++;
        place = rest + strcspn(rest, " ");
        place += strspn(place, " ");
    }
    *count = found;
    return found > room || (out == NULL && found) ? INSUFFICIENT_SIZE : SUCCESS;
}

#define PROCESSES(FUNCTION, KEY)                                        \
    int FUNCTION(void *device, unsigned *count, Process *out) {         \
        BEGIN(device);                                                  \
        return processes(device, KEY, count, out);                      \
    }

PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, "processes")
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, "graphics_processes")
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v3, "mps_processes")
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, "processes")
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, "graphics_processes")
PROCESSES(nvmlDeviceGetMPSComputeRunningProcesses_v2, "mps_processes")

/* --- MIG --- */

int nvmlDeviceGetMigMode(void *device, unsigned *now, unsigned *pending) {
    double value;
    BEGIN(device);
    int error = get(device, "mig", &value);
    if (error == SUCCESS) *now = *pending = (unsigned)value;
    return error;
}

int nvmlDeviceGetMaxMigDeviceCount(void *device, unsigned *out) { BEGIN(device); *out = PLACES - 1; return SUCCESS; }

int nvmlDeviceGetMigDeviceHandleByIndex(void *device, unsigned place, void **out) {
    BEGIN(device);
    *out = handle(gpu_of(device), (int)place);
    return text(at(*out, "uuid")) ? SUCCESS : NOT_FOUND;
}

int nvmlDeviceGetDeviceHandleFromMigDeviceHandle(void *device, void **out) {
    BEGIN(device);
    *out = handle(gpu_of(device), -1);
    return SUCCESS;
}

UNSIGNED(nvmlDeviceGetGpuInstanceId, "gpu_instance")

/* --- GPM: metric.ID=percent of the later sample; metric.ID.error=code --- */

int nvmlGpmQueryDeviceSupport(void *device, GpmSupport *out) {
    double value = 0;
    BEGIN(device);
    if (out->version != 1) return 25;
    get(device, "gpm", &value);
    out->supported = (unsigned)value;
    return SUCCESS;
}

int nvmlGpmSampleAlloc(GpmSample **out) { BEGIN(NULL); *out = calloc(1, sizeof **out); return SUCCESS; }
int nvmlGpmSampleFree(GpmSample *sample) { BEGIN(NULL); free(sample); return SUCCESS; }

static int sample_of(void *device, GpmSample *out) {
    static u64 taken;
    out->taken = ++taken;
    snprintf(out->at, LENGTH, "%s", at(device, ""));
    return SUCCESS;
}

int nvmlGpmSampleGet(void *device, GpmSample *out) { BEGIN(device); return sample_of(device, out); }

int nvmlGpmMigSampleGet(void *device, unsigned instance, GpmSample *out) {
    double value;
    BEGIN(device);
    for (int place = 0; place < PLACES; place++)
        if (get(handle(gpu_of(device), place), "gpu_instance", &value) == SUCCESS && (unsigned)value == instance)
            return sample_of(handle(gpu_of(device), place), out);
    return NOT_FOUND;
}

int nvmlGpmMetricsGet(Metrics *asked) {
    char key[2 * LENGTH];
    BEGIN(NULL);
    GpmSample *earlier = asked->earlier, *later = asked->later;
    if (asked->version != 1) return 25;
    if (strcmp(earlier->at, later->at) != 0 || earlier->taken >= later->taken) return INVALID_ARGUMENT;
    for (unsigned place = 0; place < asked->count; place++) {
        Metric *metric = &asked->metrics[place];
        snprintf(key, sizeof key, "%smetric.%u", later->at, metric->id);
        const char *value = text(key);
        metric->value = value ? number(value) : NAN;
        metric->result = value ? SUCCESS : NOT_SUPPORTED;
        strcat(key, ".error");
        if ((value = text(key))) metric->result = atoi(value);
    }
    return SUCCESS;
}

/* --- topology: link.1=LEVEL from this GPU to GPU 1; nvlink.LINK=1 and nvlink.LINK.remote=bus id --- */

int nvmlDeviceGetTopologyCommonAncestor(void *one, void *other, unsigned *out) {
    char key[LENGTH];
    double value;
    BEGIN(one);
    snprintf(key, LENGTH, "link.%d", gpu_of(other));
    int error = get(one, key, &value);
    if (error == SUCCESS) *out = (unsigned)value;
    return error;
}

int nvmlDeviceGetNvLinkState(void *device, unsigned link, unsigned *out) {
    char key[LENGTH];
    double value;
    BEGIN(device);
    snprintf(key, LENGTH, "nvlink.%u", link);
    if (get(device, key, &value)) return link == 0 ? NOT_SUPPORTED : INVALID_ARGUMENT;
    *out = (unsigned)value;
    return SUCCESS;
}

static int pci_of(void *device, const char *key, Pci *out) {
    memset(out, 0, sizeof *out);
    int error = get_text(device, key, out->bus_id, sizeof out->bus_id);
    if (error == SUCCESS) sscanf(out->bus_id, "%x:%x:%x", &out->domain, &out->bus, &out->device);
    return error;
}

int nvmlDeviceGetNvLinkRemotePciInfo_v2(void *device, unsigned link, Pci *out) {
    char key[LENGTH];
    BEGIN(device);
    snprintf(key, LENGTH, "nvlink.%u.remote", link);
    return pci_of(device, key, out);
}

int nvmlDeviceGetNvLinkRemoteDeviceType(void *device, unsigned link, unsigned *out) {
    char key[LENGTH];
    double value;
    BEGIN(device);
    snprintf(key, LENGTH, "nvlink.%u.remote_type", link);
    int error = get(device, key, &value);
    if (error == SUCCESS) *out = (unsigned)value;
    return error;
}

int nvmlDeviceGetPciInfo_v3(void *device, Pci *out) { BEGIN(device); return pci_of(device, "bus_id", out); }

/* cpus: the mask's words, in hexadecimal with spaces between */
int nvmlDeviceGetCpuAffinity(void *device, unsigned count, unsigned long *out) {
    BEGIN(device);
    const char *value = text(at(device, "cpus"));
    if (value == NULL) return NOT_SUPPORTED;
    for (unsigned place = 0; place < count; place++) {
        char *rest;
        out[place] = strtoul(value, &rest, 16);
        value = rest;
    }
    return SUCCESS;
}

int nvmlDeviceGetMemoryAffinity(void *device, unsigned count, unsigned long *out, unsigned scope) {
    double node;
    BEGIN(device);
    if (scope != 0) return INVALID_ARGUMENT;
    int error = get(device, "numa_node", &node);
    if (error) return error;
    memset(out, 0, count * sizeof *out);
    out[(int)node / 64] = 1UL << (int)node % 64;
    return SUCCESS;
}
