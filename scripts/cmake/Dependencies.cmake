# Every library from outside, found once. A room names in its CMakeLists.txt the ones that it uses.

find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)

# Where the serial library is installed too, FindHDF5 would take that one.
set(HDF5_PREFER_PARALLEL ON)
find_package(HDF5 1.10 REQUIRED COMPONENTS C)
if(NOT HDF5_IS_PARALLEL)
  message(FATAL_ERROR "This HDF5 is not parallel: install libhdf5-openmpi-dev")
endif()

# lstm_mpi_find_library(TARGET HEADER LIBRARY PACKAGE): an imported target for a library without a CMake file
function(lstm_mpi_find_library target header library package)
  find_path(${target}_INCLUDE_DIR ${header})
  if(NOT ${target}_INCLUDE_DIR)
    message(FATAL_ERROR "${header} was not found: install ${package}")
  endif()
  add_library(${target} INTERFACE IMPORTED GLOBAL)
  target_include_directories(${target} INTERFACE ${${target}_INCLUDE_DIR})
  if(library)
    find_library(${target}_LIBRARY ${library})
    if(NOT ${target}_LIBRARY)
      message(FATAL_ERROR "The library ${library} was not found: install ${package}")
    endif()
    target_link_libraries(${target} INTERFACE ${${target}_LIBRARY})
  endif()
endfunction()

lstm_mpi_find_library(blis blis.h blis libblis-dev)
lstm_mpi_find_library(xxhash xxhash.h xxhash libxxhash-dev)
lstm_mpi_find_library(random123 Random123/philox.h "" librandom123-dev)
lstm_mpi_find_library(unistring unistr.h unistring libunistring-dev)
lstm_mpi_find_library(popt popt.h popt libpopt-dev)
lstm_mpi_find_library(inih ini.h inih libinih-dev)
lstm_mpi_find_library(jansson jansson.h jansson libjansson-dev)
lstm_mpi_find_library(curl curl/curl.h curl libcurl4-openssl-dev)
