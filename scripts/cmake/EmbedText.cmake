# A text file as C source, made anew in the build folder whenever the text changes.
#
# lstm_mpi_embed_text(FILE NAME OUT): sets OUT to the source, which defines what NAME.h declares:
#     const unsigned char NAME_text[]; const size_t NAME_bytes;
# The same file, run as a script with -D TEXT, NAME and SOURCE, writes that source.

if(CMAKE_SCRIPT_MODE_FILE)
  file(READ "${TEXT}" numbers HEX)
  if(numbers STREQUAL "")
    message(FATAL_ERROR "${TEXT} is empty")
  endif()
  file(SIZE "${TEXT}" bytes)
  string(REGEX REPLACE "(................................)" "\\1\n" numbers "${numbers}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," numbers "${numbers}")
  file(WRITE "${SOURCE}" "#include \"${NAME}.h\"\n\nconst size_t ${NAME}_bytes = ${bytes};\n"
       "const unsigned char ${NAME}_text[] = {\n${numbers}};\n")
  return()
endif()

set(LSTM_MPI_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(lstm_mpi_embed_text text name out)
  if(NOT EXISTS "${text}")
    message(FATAL_ERROR "${text} is missing: the program is built with this text in it")
  endif()
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -D TEXT=${text} -D NAME=${name} -D SOURCE=${source} -P ${LSTM_MPI_EMBED_SCRIPT}
    DEPENDS ${text} ${LSTM_MPI_EMBED_SCRIPT}
    COMMENT "Embedding ${text}" VERBATIM)
  set(${out} ${source} PARENT_SCOPE)
endfunction()
