#include "lstm_mpi/linalg/panels.h"

#include "lstm_mpi/base/divide_up.h"
#include "lstm_mpi/base/memory.h"
#include "lstm_mpi/base/partition.h"
#include "lstm_mpi/base/smaller.h"
#include "pack_panel.h"
#include "panel_functions.h"
#include "product_kernel.h"
#include "vector_functions.h"

#include <assert.h>

/* BLIS's kernels load the operands of the next depth before they know whether there is one: what follows the
 * last panel must be memory too. Those of BLIS 0.9 read one depth too many. */
enum { DEPTHS_READ_BEYOND = 2 };

enum { LANES_OF_ONE_PANEL = 1 };

size_t panels_width(enum panels_side side)
{
    return side == PANELS_WIDE ? product_kernel_in_use()->wide : product_kernel_in_use()->narrow;
}

size_t panels_whole_lanes(enum panels_side side, size_t lanes)
{
    size_t width = panels_width(side);
    return divide_up(lanes, width) * width;
}

size_t panels_block_lanes(enum panels_side side, size_t lanes, size_t most)
{
    if (lanes == 0)
        return 0;
    size_t of_block = divide_up(lanes, divide_up(lanes, most));
    return smaller(lanes, panels_whole_lanes(side, of_block));
}

size_t panels_floats(enum panels_side side, size_t lanes, size_t depth)
{
    if (panels_are_views())
        return 0;
    size_t floats = (divide_up(lanes, panels_width(side)) * depth + DEPTHS_READ_BEYOND) * panels_width(side);
    return divide_up(floats, MEMORY_LINE_FLOATS) * MEMORY_LINE_FLOATS;
}

void panels_place(struct panels *panels, enum panels_side side, size_t lanes, size_t depth, float *memory)
{
    *panels = (struct panels){
        .side = side,
        .width = panels_width(side),
        .capacity = panels_floats(side, lanes, depth),
        .data = panels_are_views() ? NULL : memory,
    };
}

enum status panels_create(struct panels *panels, enum panels_side side, size_t lanes, size_t depth,
                          struct error *error)
{
    float *memory;
    enum status status = memory_new(&memory, panels_floats(side, lanes, depth), error);
    panels_place(panels, side, lanes, depth, memory);
    panels->owned = memory;
    return status;
}

enum status panels_create_lazy(struct panels *panels, size_t depth, struct error *error)
{
    enum status status = panels_create(panels, PANELS_WIDE, LANES_OF_ONE_PANEL, depth, error);
    panels->lazy = true;
    return status;
}

void panels_free(struct panels *panels)
{
    memory_free(panels->owned);
    *panels = (struct panels){0};
}

bool panels_are_views(void)
{
    return !product_kernel_in_use()->multiplies_packed;
}

float *panels_element(const struct panels *panels, size_t lane, size_t depth)
{
    assert(!panels->lazy);
    size_t width = panels->width;
    size_t lane_of_panel = lane % width;
    return panels->data + lane / width * panels->panel_stride + depth * width + lane_of_panel;
}

struct panels panels_slice(const struct panels *whole, struct range lanes, struct range depths)
{
    struct panels slice = *whole;
    assert(lanes.first % whole->width == 0 && lanes.first + lanes.count <= whole->source.lanes &&
           depths.first + depths.count <= whole->source.depth);
    slice.source.lanes = lanes.count;
    slice.source.depth = depths.count;
    if (whole->source.data)
        slice.source.data +=
            lanes.first * whole->source.lane_stride + depths.first * whole->source.depth_stride;
    if (whole->data && !whole->lazy)
        slice.data = panels_element(whole, lanes.first, depths.first);
    slice.owned = NULL;
    return slice;
}

void panels_begin(struct panels *panels, size_t lanes, size_t depth)
{
    assert(!panels->data || (divide_up(lanes, panels->width) * depth + DEPTHS_READ_BEYOND) * panels->width <=
                                panels->capacity);
    panels->source = (struct panels_source){.lanes = lanes, .depth = depth};
    panels->panel_stride = depth * panels->width;
}

/* Packs the panels of part `part` of `parts`, every depth times its factor if there are any. */
static void pack(struct panels *panels, const struct panels_source *source, size_t part, size_t parts,
                 const float *factors)
{
    panels_begin(panels, panels->lazy ? LANES_OF_ONE_PANEL : source->lanes, source->depth);
    panels->source = *source;
    if (!panels->data || panels->lazy)
        return;
    struct range some = partition_range(divide_up(source->lanes, panels->width), parts, part);
    struct range depths = {0, source->depth};
    for (size_t panel = some.first; panel < some.first + some.count; panel++) {
        size_t lane = panel * panels->width;
        pack_panel(source, lane, depths, panels->width, factors, panels_element(panels, lane, 0));
    }
}

void panels_pack(struct panels *panels, struct panels_source source)
{
    panels_pack_part(panels, source, 0, 1);
}

void panels_pack_part(struct panels *panels, struct panels_source source, size_t part, size_t parts)
{
    assert(source.lane_stride == 1 || source.depth_stride == 1);
    pack(panels, &source, part, parts, NULL);
}

void panels_pack_scaled(struct panels *panels, struct panels_source source, const float *factors)
{
    assert(panels->data && !panels->lazy && source.lane_stride == 1);
    pack(panels, &source, 0, 1, factors);
}

void panels_scale_depths(struct panels *panels, const float *factors)
{
    size_t width = panels->width;
    for (size_t lane = 0; lane < panels->source.lanes; lane += width)
        panel_functions_in_use()->scale_rows(panels->source.depth, width, factors,
                                             panels_element(panels, lane, 0));
}

void panels_add_depth(const struct panels *panels, size_t depth, float factor, float scale, float *out)
{
    for (size_t lane = 0; lane < panels->source.lanes; lane += panels->width) {
        size_t lanes = smaller(panels->source.lanes - lane, panels->width);
        vector_functions_in_use()->axpby(lanes, factor, panels_element(panels, lane, depth), scale,
                                         out + lane);
    }
}

void panels_add_weighted_depths(const struct panels *panels, const float *factors, float *out)
{
    size_t width = panels->width;
    for (size_t lane = 0; lane < panels->source.lanes; lane += width)
        panel_functions_in_use()->add_weighted_rows(panels->source.depth, width,
                                                    smaller(panels->source.lanes - lane, width),
                                                    panels_element(panels, lane, 0), factors, out + lane);
}
