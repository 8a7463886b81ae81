# The kernel side: abi (headers), base, lxcore, and on Linux the direct engine and the host. All of it is
# freestanding: no libc, no exceptions, no vector registers, no thread-local storage.
file(GLOB LXSS_BASE_SOURCES CONFIGURE_DEPENDS base/*.cpp)
file(GLOB_RECURSE LXSS_CORE_SOURCES CONFIGURE_DEPENDS lxcore/*.cpp)

add_library(lxss_freestanding INTERFACE)
target_include_directories(lxss_freestanding INTERFACE ${CMAKE_CURRENT_SOURCE_DIR})
# libstdc++'s <atomic> would drag in the host's headers for std::atomic::wait, which is not used here.
target_compile_definitions(lxss_freestanding INTERFACE _GLIBCXX_ATOMIC_WAIT_H=1)
target_compile_options(lxss_freestanding INTERFACE -ffreestanding
  $<$<COMPILE_LANGUAGE:CXX>:-mgeneral-regs-only -fno-exceptions -fno-rtti -fno-threadsafe-statics>
  -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -fvisibility=hidden
  -fno-strict-aliasing -ffunction-sections -O2 -g -Wno-missing-field-initializers -fno-sanitize=all)
if(NOT WIN32)
  target_compile_options(lxss_freestanding INTERFACE -fPIE -ftls-model=local-exec)
endif()

add_library(lxbase STATIC ${LXSS_BASE_SOURCES})
target_link_libraries(lxbase PUBLIC lxss_freestanding)
add_library(lxcore STATIC ${LXSS_CORE_SOURCES})
target_link_libraries(lxcore PUBLIC lxss_freestanding)

# The recipe for a port: compiled everywhere, linked nowhere.
file(GLOB LXSS_SKELETON_SOURCES CONFIGURE_DEPENDS host/skeleton/*.cpp)
add_library(host_skeleton STATIC ${LXSS_SKELETON_SOURCES})
target_link_libraries(host_skeleton PUBLIC lxss_freestanding)

if(WIN32)
  # An image of the NT host: no C runtime, one fixed base (base::kKernelBase) in every process, so that functions have the same
  # addresses in all of them.
  function(lxss_nt_image target)
    target_link_libraries(${target} PRIVATE lxbase lxss_freestanding)
    target_link_options(${target} PRIVATE -nostdlib -nostartfiles -Wl,--entry=lx_start -Wl,--image-base=0x620000000000
      -Wl,--disable-dynamicbase -Wl,--disable-reloc-section -Wl,--subsystem=console -Wl,--stack=0x100000
      -Wl,--gc-sections)
    target_link_libraries(${target} PRIVATE kernel32 ntdll)
  endfunction()
endif()

file(GLOB LXSS_TRANSLATE_SOURCES CONFIGURE_DEPENDS engine/*.cpp engine/translate/*.cpp)
add_library(engine_translate STATIC ${LXSS_TRANSLATE_SOURCES} engine/translate/entry.S engine/borrowed.S)
target_link_libraries(engine_translate PUBLIC lxss_freestanding)

if(WIN32)
  file(GLOB LXSS_HOST_SOURCES CONFIGURE_DEPENDS host/nt/*.cpp host/nt/*.S host/control/*.cpp)
  add_executable(lxkernel ${LXSS_HOST_SOURCES})
  target_link_libraries(lxkernel PRIVATE -Wl,--start-group lxcore lxbase engine_translate -Wl,--end-group)
  lxss_nt_image(lxkernel)
  set_target_properties(lxkernel PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endif()

if(NOT WIN32)
  file(GLOB LXSS_HOST_SOURCES CONFIGURE_DEPENDS host/linux/*.cpp host/linux/*.S host/control/*.cpp)
  file(GLOB LXSS_ENGINE_SOURCES CONFIGURE_DEPENDS engine/*.cpp engine/direct/*.cpp engine/direct/*.S engine/*.S)
  add_library(host_linux OBJECT ${LXSS_HOST_SOURCES})
  target_link_libraries(host_linux PUBLIC lxss_freestanding)
  add_library(engine_direct STATIC ${LXSS_ENGINE_SOURCES})
  target_link_libraries(engine_direct PUBLIC lxss_freestanding)

  # An image of the Linux host, at base::kKernelBase, out of the guest's way; every pico process is cloned from it. Text and constants
  # are one segment that has a large page (2 MiB) for itself: host/linux/start.cpp, use_large_page().
  function(lxss_linux_image target)
    target_link_options(${target} PRIVATE -nostdlib -static -no-pie -Wl,--no-relax -Wl,-Ttext-segment=0x620000000000
      -Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,-z,norelro -Wl,-z,max-page-size=0x200000 -Wl,--build-id -Wl,--gc-sections)
  endfunction()

  # One kernel for each engine, from the same objects otherwise.
  function(add_kernel name engine)
    add_executable(${name})
    target_link_libraries(${name} PRIVATE host_linux lxss_freestanding
      -Wl,--start-group lxcore lxbase ${engine} -Wl,--end-group)
    lxss_linux_image(${name})
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin LINKER_LANGUAGE CXX)
  endfunction()
  add_kernel(lxkernel engine_direct)
  add_kernel(lxkernel-translate engine_translate)
endif()
