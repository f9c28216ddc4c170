#include "textflag.h"
#include "go_asm.h"

#define SYS_getrlimit 97
#define SYS_exit_group 231
#define SYS_clone3 435
#define RLIMIT_NOFILE 7
#define MAX_ERRNO 4095

// func start(args *cloneArgs, size uintptr, first *Call, failed *failure) (pid int)
//
// The kernel keeps all registers but AX, CX and R11. The child has this stack too,
// while this thread waits for it: it must not touch it.
TEXT ·start(SB), NOSPLIT, $0-40
	MOVQ args+0(FP), DI
	MOVQ size+8(FP), SI
	MOVQ first+16(FP), R12
	MOVQ failed+24(FP), R13
	MOVQ $SYS_clone3, AX
	SYSCALL
	TESTQ AX, AX
	JEQ child
	MOVQ AX, pid+32(FP)
	RET

child:
	MOVQ Call_Number(R12), AX
	MOVQ (Call_Args+0)(R12), DI
	MOVQ Call_How(R12), CX
	TESTQ $const_OnLast, CX
	JEQ other
	MOVQ BX, DI
other:
	MOVQ (Call_Args+8)(R12), SI
	MOVQ (Call_Args+16)(R12), DX
	MOVQ (Call_Args+24)(R12), R10
	MOVQ (Call_Args+32)(R12), R8
	SYSCALL
	MOVQ AX, BX
	CMPQ AX, $-MAX_ERRNO
	JCS next
	MOVQ Call_How(R12), CX
	TESTQ $const_MayFail, CX
	JEQ end
next:
	ADDQ $Call__size, R12
	JMP child

end:
	NEGQ AX
	MOVQ AX, failure_errno(R13)
	MOVQ R12, failure_call(R13)
again:
	MOVQ $127, DI
	MOVQ $SYS_exit_group, AX
	SYSCALL
	JMP again

// func limit(l *Limit) (errno int)
TEXT ·limit(SB), NOSPLIT, $0-16
	MOVQ $RLIMIT_NOFILE, DI
	MOVQ l+0(FP), SI
	MOVQ $SYS_getrlimit, AX
	SYSCALL
	NEGQ AX
	MOVQ AX, errno+8(FP)
	RET
