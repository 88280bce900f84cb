// Of C++'s library what a kernel may use without --expt-relaxed-constexpr: types computed from types. Included by
// cuda.h, which has <cmath>.
#pragma once

namespace std {
template <class T, T V> struct integral_constant {
    static constexpr T value = V;
    typedef T value_type;
    typedef integral_constant type;
    constexpr operator T() const { return V; }
    constexpr T operator()() const { return V; }
};
template <bool B> using bool_constant = integral_constant<bool, B>;
typedef bool_constant<true> true_type;
typedef bool_constant<false> false_type;

template <class T, class U> struct is_same : false_type {};
template <class T> struct is_same<T, T> : true_type {};
template <bool B, class T, class F> struct conditional { typedef T type; };
template <class T, class F> struct conditional<false, T, F> { typedef F type; };
template <bool B, class T = void> struct enable_if {};
template <class T> struct enable_if<true, T> { typedef T type; };
template <class T> struct remove_reference { typedef T type; };
template <class T> struct remove_reference<T &> { typedef T type; };
template <class T> struct remove_reference<T &&> { typedef T type; };
template <class T> struct remove_const { typedef T type; };
template <class T> struct remove_const<const T> { typedef T type; };
template <class T> struct remove_volatile { typedef T type; };
template <class T> struct remove_volatile<volatile T> { typedef T type; };
template <class T> struct remove_cv : remove_volatile<typename remove_const<T>::type> {};
template <class T> struct is_pointer : false_type {};
template <class T> struct is_pointer<T *> : true_type {};
template <class T> using emu_plain = typename remove_cv<T>::type;
template <class T>
using is_floating_point = bool_constant<is_same<emu_plain<T>, float>::value || is_same<emu_plain<T>, double>::value>;
template <class T> struct emu_whole : false_type {};
#define EMU_WHOLE(type) template <> struct emu_whole<type> : true_type {};
EMU_WHOLE(bool) EMU_WHOLE(char) EMU_WHOLE(signed char) EMU_WHOLE(unsigned char) EMU_WHOLE(short)
EMU_WHOLE(unsigned short) EMU_WHOLE(int) EMU_WHOLE(unsigned) EMU_WHOLE(long) EMU_WHOLE(unsigned long)
EMU_WHOLE(long long) EMU_WHOLE(unsigned long long)
#undef EMU_WHOLE
template <class T> using is_integral = emu_whole<emu_plain<T>>;
template <class T> using is_arithmetic = bool_constant<is_integral<T>::value || is_floating_point<T>::value>;

template <bool B, class T, class F> using conditional_t = typename conditional<B, T, F>::type;
template <bool B, class T = void> using enable_if_t = typename enable_if<B, T>::type;
template <class T> using remove_reference_t = typename remove_reference<T>::type;
template <class T> using remove_const_t = typename remove_const<T>::type;
template <class T> using remove_cv_t = typename remove_cv<T>::type;
template <class T, class U> constexpr bool is_same_v = is_same<T, U>::value;
template <class T> constexpr bool is_pointer_v = is_pointer<T>::value;
template <class T> constexpr bool is_floating_point_v = is_floating_point<T>::value;
template <class T> constexpr bool is_integral_v = is_integral<T>::value;
template <class T> constexpr bool is_arithmetic_v = is_arithmetic<T>::value;

// What the compiler makes of {1, 2, 3} in `for (int v : {1, 2, 3})`: it knows these two members.
template <class T> class initializer_list {
    const T *first = nullptr;
    decltype(sizeof 0) count = 0;

public:
    constexpr initializer_list() = default;
    constexpr decltype(sizeof 0) size() const { return count; }
    constexpr const T *begin() const { return first; }
    constexpr const T *end() const { return first + count; }
};

template <class T> constexpr remove_reference_t<T> &&move(T &&x) { return static_cast<remove_reference_t<T> &&>(x); }
template <class T> constexpr T &&forward(remove_reference_t<T> &x) { return static_cast<T &&>(x); }
}  // namespace std
