package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/spf13/cobra"

	"tracecar/collector/executor"
)

// defaultPrefix is where the root helper is installed, and looked for.
const defaultPrefix = "/usr/local"

func newSudoers() *cobra.Command {
	var install, uninstall bool
	var prefix string
	cmd := &cobra.Command{
		Use:   "sudoers [USER]",
		Short: "Let a user trace: the root helper, and the sudoers line",
		Long: `Print the sudoers line with which USER (default: you) can run scripts with
--sudo. It allows one exact command without further arguments, tracecar's root
helper; whoever has it can run any bpftrace script as root, but for --unsafe
ones.

--install, as root, first copies this program to
PREFIX/libexec/tracecar/tracecar, which root alone can change, and refuses a
PREFIX where others could. tracecar uses the helper it finds there. Run it
again after an upgrade. The line goes to standard output when visudo accepts
it, so that this gives alice the right:

  sudo tracecar sudoers --install alice |
    sudo install -m 0440 /dev/stdin /etc/sudoers.d/tracecar

and this takes it away again:

  sudo rm /etc/sudoers.d/tracecar && sudo tracecar sudoers --uninstall`,
		Args: takes(0, 1, "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if install && uninstall {
				return usageError("--install and --uninstall exclude each other")
			}
			if !filepath.IsAbs(prefix) {
				return usageError("--prefix has to be an absolute path, not %q", prefix)
			}
			prefix = filepath.Clean(prefix)
			if uninstall {
				if len(args) > 0 {
					return usageError("--uninstall removes the helper of all users: it takes none")
				}
				return asFailure(executor.UninstallHelper(prefix))
			}
			user, err := sudoUser(args)
			if err != nil {
				return err
			}
			argv, err := helperArgv()
			if install {
				argv, err = installHelper(prefix)
			}
			if err != nil {
				return asFailure(err)
			}
			return printSudoers(cmd, user, argv)
		},
	}
	cmd.Flags().BoolVar(&install, "install", false, "install the root helper first; needs root")
	cmd.Flags().BoolVar(&uninstall, "uninstall", false, "remove the root helper; needs root")
	cmd.Flags().StringVar(&prefix, "prefix", defaultPrefix, "`directory` to install below")
	return cmd
}

func installHelper(prefix string) ([]string, error) {
	program, err := ownProgram()
	if err != nil {
		return nil, err
	}
	path, err := executor.InstallHelper(program, prefix)
	return []string{path, helperCommand}, err
}

// printSudoers prints the line, unless it would be wrong.
func printSudoers(cmd *cobra.Command, user string, argv []string) error {
	line := executor.SudoersLine(user, argv)
	switch err := executor.CheckSudoers(cmd.Context(), line); {
	case errors.Is(err, executor.ErrNoVisudo):
		fmt.Fprintln(cmd.ErrOrStderr(), "tracecar: the line is not checked:", err)
	case err != nil:
		return asFailure(fmt.Errorf("the line %q is not printed: %w", line, err))
	}
	if why := executor.Replaceable(argv[0]); why != "" {
		fmt.Fprintf(cmd.ErrOrStderr(), "tracecar: this line would give away root: %s; install the helper first: sudo tracecar sudoers --install\n", why)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), line)
	return err
}

var userPattern = regexp.MustCompile(`^(#[0-9]+|[%+]?[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?)$`)

// sudoUser is who the line is for: a user, #UID, %group or +netgroup.
func sudoUser(args []string) (string, error) {
	switch {
	case len(args) > 0 && (!userPattern.MatchString(args[0]) || args[0] == "ALL"):
		return "", usageError("%q is not the name of a user", args[0])
	case len(args) > 0:
		return args[0], nil
	case os.Geteuid() != 0:
		return "", nil
	}
	// Behind sudo "you" is who called it; root needs no line.
	if user := os.Getenv("SUDO_USER"); user != "root" && userPattern.MatchString(user) {
		return user, nil
	}
	return "", usageError("root needs no sudoers line: name the user who should have it")
}

// ownProgram is the program to be the root helper.
func ownProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", errors.Join(errors.New("cannot tell the path of tracecar, which sudo has to start"), err)
	}
	// tracecar, not the program it hands over to.
	if light := filepath.Join(filepath.Dir(self), "tracecar"); filepath.Base(self) == "tracecar-server" {
		if _, err := os.Stat(light); err == nil {
			self = light
		}
	}
	return self, nil
}

// helperArgv is the exact command that the sudoers line allows: the installed
// helper, where there is one, else tracecar itself.
func helperArgv() ([]string, error) {
	self, err := ownProgram()
	if err != nil {
		return nil, err
	}
	path, err := executor.InstalledHelper(filepath.Dir(filepath.Dir(self)), defaultPrefix, "/usr")
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = self
	}
	return []string{path, helperCommand}, nil
}
