#include "h5.h"
#include "h5_call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char doing_read[] = "cannot read";

/* Errors */

static const char *remedy(const struct h5 *h5)
{
    struct stat facts;
    if (strcmp(h5->doing, doing_read) != 0)
        return "check the disk, or take another folder";
    if (stat(h5->path, &facts) != 0)
        return "check the path";
    return S_ISDIR(facts.st_mode) ? "name a file in it, such as checkpoint.h5"
                                  : "take another file; this one cannot be used";
}

enum status h5_fail(struct h5 *h5, const char *why, ...)
{
    if (h5->status != STATUS_OK)
        return h5->status;
    char text[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, why);
    vsnprintf(text, sizeof text, why, arguments);
    va_end(arguments);
    error_set(h5->error, STATUS_FAILED, "%s %s", h5->doing, h5->path);
    error_why(h5->error, "%s", text);
    h5->status = error_remedy(h5->error, "%s", remedy(h5));
    return h5->status;
}

/* HDF5's stack of errors begins with the innermost; a system call's has the system's words in quotes. */
static herr_t take_innermost(unsigned level, const H5E_error2_t *record, void *context)
{
    char *text = context;
    if (level > 0 || !record->desc)
        return 0;
    static const char marker[] = "error message = '";
    const char *quoted = strstr(record->desc, marker);
    if (quoted) {
        quoted += sizeof marker - 1;
        snprintf(text, ERROR_TEXT_BYTES, "%.*s", (int)strcspn(quoted, "'"), quoted);
    } else {
        snprintf(text, ERROR_TEXT_BYTES, "%s", record->desc);
    }
    return 0;
}

void h5_library_text(char text[ERROR_TEXT_BYTES])
{
    text[0] = '\0';
    if (H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_innermost, text) < 0 || text[0] == '\0')
        snprintf(text, ERROR_TEXT_BYTES, "HDF5 gives no reason");
}

enum status h5_fail_in(struct h5 *h5, const char *object)
{
    if (h5->status != STATUS_OK)
        return h5->status;
    char text[ERROR_TEXT_BYTES];
    h5_library_text(text);
    h5_fail(h5, "%s%s%s", object, object[0] ? ": " : "", text);
    /* HDF5 1.10 does not get over a write to an open file that failed, least of all for want of memory: it
     * hangs or crashes when MPI ends. */
    h5->error->broke_communication = h5->file >= 0 && strcmp(h5->doing, doing_read) != 0;
    return h5->status;
}

hid_t h5_checked(struct h5 *h5, hid_t result, const char *object)
{
    if (result < 0)
        h5_fail_in(h5, object);
    return result;
}

void h5_close_identifier(struct h5 *h5, hid_t identifier, const char *object)
{
    if (identifier > 0 && H5Idec_ref(identifier) < 0)
        h5_fail_in(h5, object);
}

/* Opening and closing */

static void begin(struct h5 *h5, const char *path, const char *doing, struct error *error)
{
    *h5 = (struct h5){.file = -1, .path = path, .doing = doing, .memory = -1, .error = error};
    if (H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0)
        h5_fail(h5, "HDF5 does not start");
}

static hid_t file_access(struct h5 *h5, const char *object)
{
    hid_t access = CALL(H5Pcreate(H5P_FILE_ACCESS));
    CALL(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18));
    /* Room in the file is taken piece by piece: larger blocks would leave gaps, which nothing checksums. */
    CALL(H5Pset_meta_block_size(access, 0));
    CALL(H5Pset_small_data_block_size(access, 0));
    /* Data goes out when it is written, not when its dataset is closed, where an error comes too late. */
    CALL(H5Pset_sieve_buf_size(access, 0));
#if H5_VERSION_GE(1, 10, 7)
    /* Locks fail on some network file systems. Nobody writes to a file that bears its final name. */
    CALL(H5Pset_file_locking(access, false, true));
#endif
    return access;
}

/* Keeps attributes and links in the object headers, which have checksums, and times out of them. */
static hid_t creation(struct h5 *h5, hid_t class, const char *object)
{
    enum { ALL = 65535 };
    hid_t properties = CALL(H5Pcreate(class));
    CALL(H5Pset_obj_track_times(properties, false));
    CALL(H5Pset_attr_phase_change(properties, ALL, 0));
    if (class != H5P_DATASET_CREATE)
        CALL(H5Pset_link_phase_change(properties, ALL, 0));
    return properties;
}

/* HDF5 opens files by name, and memory has none: it opens the file on the disk, and then finds memory behind
 * its descriptor. */
static void move_to_memory(struct h5 *h5, const char *object)
{
    void *handle = NULL;
    h5->memory = memfd_create("lstm_mpi", MFD_CLOEXEC);
    if (h5->memory < 0)
        h5_fail(h5, "%s", strerror(errno));
    CALL(H5Fget_vfd_handle(h5->file, H5P_DEFAULT, &handle));
    if (h5->status == STATUS_OK && dup3(h5->memory, *(const int *)handle, O_CLOEXEC) < 0)
        h5_fail(h5, "%s", strerror(errno));
}

void h5_create(struct h5 *h5, const char *path, struct error *error)
{
    static const char object[] = "";
    begin(h5, path, "cannot write", error);
    hid_t access = file_access(h5, object);
    hid_t properties = creation(h5, H5P_FILE_CREATE, object);
    h5->file = CALL(H5Fcreate(path, H5F_ACC_TRUNC, properties, access));
    move_to_memory(h5, object);
    h5_close_identifier(h5, properties, object);
    h5_close_identifier(h5, access, object);
}

void h5_forget(struct h5 *h5)
{
    if (h5->memory >= 0)
        close(h5->memory);
    h5->memory = -1;
}

/* Says what HDF5 cannot say well: a file that is missing, a folder, something else than HDF5. */
static bool looks_like_hdf5(struct h5 *h5)
{
    struct stat facts;
    int descriptor = open(h5->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &facts) != 0)
        h5_fail(h5, "%s", strerror(errno));
    else if (S_ISDIR(facts.st_mode))
        h5_fail(h5, "%s", strerror(EISDIR));
    else if (!S_ISREG(facts.st_mode))
        h5_fail(h5, "it is not a regular file");
    if (descriptor >= 0)
        close(descriptor);
    if (h5->status == STATUS_OK && H5Fis_hdf5(h5->path) <= 0)
        h5_fail(h5, "it is not an HDF5 file");
    return h5->status == STATUS_OK;
}

void h5_open(struct h5 *h5, const char *path, struct error *error)
{
    static const char object[] = "";
    begin(h5, path, doing_read, error);
    if (h5->status != STATUS_OK || !looks_like_hdf5(h5))
        return;
    hid_t access = file_access(h5, object);
    if (h5->status == STATUS_OK) {
        h5->file = H5Fopen(path, H5F_ACC_RDONLY, access);
        if (h5->file < 0) {
            char text[ERROR_TEXT_BYTES];
            h5_library_text(text);
            if (strncmp(text, "truncated file", strlen("truncated file")) == 0)
                h5_fail(h5, "the file is cut short");
            else
                h5_fail(h5, "the file is damaged: %s", text);
        }
    }
    h5_close_identifier(h5, access, object);
}

void h5_open_shared(struct h5 *h5, const char *path, MPI_Comm comm, struct error *error)
{
    static const char object[] = "";
    begin(h5, path, "cannot write", error);
    h5->shared = true;
    hid_t access = file_access(h5, object);
    CALL(H5Pset_fapl_mpio(access, comm, MPI_INFO_NULL));
    h5->file = CALL(H5Fopen(path, H5F_ACC_RDWR, access));
    h5_close_identifier(h5, access, object);
    /* The others may be in the collective call already. */
    if (h5->status != STATUS_OK)
        error->broke_communication = true;
}

enum status h5_close(struct h5 *h5)
{
    if (h5->file >= 0 && H5Fclose(h5->file) < 0) {
        h5_fail_in(h5, "");
        /* It keeps half of the file, also of one that was read. */
        h5->error->broke_communication = true;
    }
    h5->file = -1;
    return h5->status;
}

/* What is there */

bool h5_exists(struct h5 *h5, const char *path)
{
    if (h5->status != STATUS_OK)
        return false;
    char part[H5_PATH_BYTES];
    if (strlen(path) >= sizeof part)
        return false;
    /* HDF5 wants to be asked for every group on the way. */
    for (const char *end = strchr(path + 1, '/');; end = strchr(end + 1, '/')) {
        size_t length = end ? (size_t)(end - path) : strlen(path);
        memcpy(part, path, length);
        part[length] = '\0';
        if (H5Lexists(h5->file, part, H5P_DEFAULT) <= 0)
            return false;
        if (!end)
            return H5Oexists_by_name(h5->file, path, H5P_DEFAULT) > 0;
    }
}

bool h5_has(struct h5 *h5, const char *object, const char *name)
{
    return CALL(H5Aexists_by_name(h5->file, object, name, H5P_DEFAULT)) > 0;
}

uint64_t h5_size(struct h5 *h5)
{
    static const char object[] = "/";
    hsize_t bytes = 0;
    CALL(H5Fget_filesize(h5->file, &bytes));
    return bytes;
}

/* Where a contiguous dataset has its bytes. The driver of a shared file does not know its size. */
static void find_offset(struct h5 *h5, struct h5_dataset *dataset, hsize_t file_bytes)
{
    const char *object = dataset->path;
    haddr_t offset = H5Dget_offset(dataset->id);
    if (offset == HADDR_UNDEF ||
        (!h5->shared && (offset > file_bytes || dataset->bytes > file_bytes - offset)))
        h5_fail(h5, "%s has %llu bytes by its shape, but they are not in the file", object,
                (unsigned long long)dataset->bytes);
    else
        dataset->offset_bytes = offset;
}

/* The data must be in this very file. */
static void find_bytes(struct h5 *h5, struct h5_dataset *dataset)
{
    const char *object = dataset->path;
    hid_t properties = CALL(H5Dget_create_plist(dataset->id));
    H5D_layout_t layout = (H5D_layout_t)CALL(H5Pget_layout(properties));
    if (layout == H5D_VIRTUAL || CALL(H5Pget_external_count(properties)) > 0)
        h5_fail(h5, "%s has its data in another file", object);
    h5_close_identifier(h5, properties, object);
    hsize_t file_bytes = 0;
    if (!h5->shared)
        CALL(H5Fget_filesize(h5->file, &file_bytes));
    if (h5->status != STATUS_OK)
        return;

    dataset->contiguous = layout == H5D_CONTIGUOUS;
    if (dataset->contiguous && dataset->bytes > 0)
        find_offset(h5, dataset, file_bytes);
    /* Compression makes data smaller, by a factor of about 1,000 at the most. */
    enum { MOST_COMPRESSION = 1100 };
    if (!h5->shared && dataset->bytes / MOST_COMPRESSION > file_bytes)
        h5_fail(h5, "%s has %llu bytes by its shape, more than the file can hold", object,
                (unsigned long long)dataset->bytes);
}

struct h5_dataset h5_open_dataset(struct h5 *h5, const char *path)
{
    const char *object = path;
    struct h5_dataset dataset = {.path = path};
    dataset.id = CALL(H5Dopen2(h5->file, path, H5P_DEFAULT));
    hid_t type = CALL(H5Dget_type(dataset.id));
    dataset.type_class = (H5T_class_t)CALL(H5Tget_class(type));
    if (h5->status == STATUS_OK)
        dataset.element_bytes = H5Tget_size(type);
    h5_close_identifier(h5, type, object);

    hid_t space = CALL(H5Dget_space(dataset.id));
    int dim_count = (int)CALL(H5Sget_simple_extent_ndims(space));
    if (dim_count > H5_MAX_DIMS)
        h5_fail(h5, "%s has %d dimensions", path, dim_count);
    hsize_t extent[H5_MAX_DIMS] = {0};
    CALL(H5Sget_simple_extent_dims(space, extent, NULL));
    if (h5->status == STATUS_OK && H5Sget_simple_extent_type(space) == H5S_NULL)
        h5_fail(h5, "%s is empty", path);
    h5_close_identifier(h5, space, object);
    if (h5->status != STATUS_OK)
        return dataset;

    dataset.dim_count = (size_t)dim_count;
    dataset.bytes = dataset.element_bytes;
    for (size_t d = 0; d < dataset.dim_count; d++) {
        dataset.dims[d] = extent[d];
        if (__builtin_mul_overflow(dataset.bytes, extent[d], &dataset.bytes))
            h5_fail(h5, "%s is larger than any file", path);
    }
    if (h5->status == STATUS_OK)
        find_bytes(h5, &dataset);
    return dataset;
}

void h5_close_dataset(struct h5 *h5, struct h5_dataset *dataset)
{
    h5_close_identifier(h5, dataset->id, dataset->path);
    dataset->id = 0;
}

/* Writing */

static void make_groups_above(struct h5 *h5, const char *path)
{
    char above[H5_PATH_BYTES];
    const char *last = strrchr(path, '/');
    size_t length = (size_t)(last - path);
    if (length == 0)
        return;
    if (length >= sizeof above) {
        h5_fail(h5, "%s is too long a name", path);
        return;
    }
    memcpy(above, path, length);
    above[length] = '\0';
    if (!h5_exists(h5, above))
        h5_make_group(h5, above);
}

void h5_make_group(struct h5 *h5, const char *path)
{
    const char *object = path;
    make_groups_above(h5, path);
    hid_t properties = creation(h5, H5P_GROUP_CREATE, object);
    hid_t group = CALL(H5Gcreate2(h5->file, path, H5P_DEFAULT, properties, H5P_DEFAULT));
    h5_close_identifier(h5, group, object);
    h5_close_identifier(h5, properties, object);
}

static hid_t simple_space(struct h5 *h5, const char *object, const size_t *dims, size_t dim_count)
{
    hsize_t extent[H5_MAX_DIMS];
    for (size_t d = 0; d < dim_count; d++)
        extent[d] = dims[d];
    return CALL(dim_count == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple((int)dim_count, extent, NULL));
}

void h5_make_dataset(struct h5 *h5, const char *path, hid_t type, const size_t *dims, size_t dim_count)
{
    const char *object = path;
    make_groups_above(h5, path);
    hid_t properties = creation(h5, H5P_DATASET_CREATE, object);
    CALL(H5Pset_layout(properties, H5D_CONTIGUOUS));
    CALL(H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY));
    CALL(H5Pset_fill_time(properties, H5D_FILL_TIME_NEVER));
    hid_t space = simple_space(h5, object, dims, dim_count);
    hid_t dataset = CALL(H5Dcreate2(h5->file, path, type, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    h5_close_identifier(h5, dataset, object);
    h5_close_identifier(h5, space, object);
    h5_close_identifier(h5, properties, object);
}

void h5_write_all(struct h5 *h5, const char *path, hid_t memory_type, const void *data)
{
    const char *object = path;
    hid_t dataset = CALL(H5Dopen2(h5->file, path, H5P_DEFAULT));
    CALL(H5Dwrite(dataset, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
    h5_close_identifier(h5, dataset, object);
}

hid_t h5_text_type(struct h5 *h5, size_t bytes, H5T_str_t padding)
{
    static const char object[] = "a text";
    hid_t type = CALL(H5Tcopy(H5T_C_S1));
    CALL(H5Tset_size(type, padding == H5T_STR_NULLTERM || bytes == 0 ? bytes + 1 : bytes));
    CALL(H5Tset_strpad(type, padding));
    CALL(H5Tset_cset(type, H5T_CSET_UTF8));
    return type;
}

/* dim_count 0: a scalar. */
static void put(struct h5 *h5, const char *object, const char *name, hid_t file_type, hid_t memory_type,
                const size_t *dims, size_t dim_count, const void *data)
{
    hid_t space = simple_space(h5, object, dims, dim_count);
    hid_t attribute = CALL(
        H5Acreate_by_name(h5->file, object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    CALL(H5Awrite(attribute, memory_type, data));
    h5_close_identifier(h5, attribute, object);
    h5_close_identifier(h5, space, object);
}

void h5_put_text(struct h5 *h5, const char *object, const char *name, const char *text)
{
    hid_t type = h5_text_type(h5, strlen(text), H5T_STR_NULLTERM);
    put(h5, object, name, type, type, NULL, 0, text);
    h5_close_identifier(h5, type, object);
}

void h5_put_u64(struct h5 *h5, const char *object, const char *name, uint64_t value)
{
    put(h5, object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, NULL, 0, &value);
}

void h5_put_f64(struct h5 *h5, const char *object, const char *name, double value)
{
    put(h5, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, NULL, 0, &value);
}

void h5_put_f64s(struct h5 *h5, const char *object, const char *name, const double *values, size_t count)
{
    put(h5, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &count, 1, values);
}

struct h5_selection h5_select_slab(struct h5 *h5, const struct h5_dataset *dataset, const size_t *first,
                                   const size_t *count)
{
    const char *object = dataset->path;
    hsize_t start[H5_MAX_DIMS], extent[H5_MAX_DIMS];
    for (size_t d = 0; d < dataset->dim_count; d++) {
        start[d] = first[d];
        extent[d] = count[d];
    }
    struct h5_selection selection;
    selection.file = CALL(H5Dget_space(dataset->id));
    CALL(H5Sselect_hyperslab(selection.file, H5S_SELECT_SET, start, NULL, extent, NULL));
    selection.memory = CALL(H5Screate_simple((int)dataset->dim_count, extent, NULL));
    return selection;
}

void h5_write_slab(struct h5 *h5, const struct h5_dataset *dataset, const size_t *first, const size_t *count,
                   const float *data)
{
    const char *object = dataset->path;
    struct h5_selection selection = h5_select_slab(h5, dataset, first, count);
    CALL(H5Dwrite(dataset->id, H5T_NATIVE_FLOAT, selection.memory, selection.file, H5P_DEFAULT, data));
    h5_close_identifier(h5, selection.memory, object);
    h5_close_identifier(h5, selection.file, object);
}
